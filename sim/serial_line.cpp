// The clock loop around a design on a serial line: bytes go in on rx and come out on tx, bit by bit, as a UART of the
// other side would send and sample them.
#include <memory>

#include "ports.h"

void Model___024root___eval(Model___024root* root);  // Verilator's, in the model's own files

namespace quadrille {

class Line {
public:
    explicit Line(uint64_t divisor) : divisor{divisor}, context{new VerilatedContext}, top{context.get(), ""} {
        top.eval();  // what is initial, the contents of memories too, is played by the first one alone
        reset();
    }

    ~Line() { top.final(); }

    void reset() {
        sending = receiving = 0;
        top.rx = 1;
        set_reset(top, true);
        for (int count = 0; count < 2; ++count) cycle();
        set_reset(top, false);
        for (int count = 0; count < 4; ++count) cycle();
    }

    // Play at most `cycles`, sending `count` bytes from `in`; stop when `out` is full or the byte `stop` has come.
    // Returns the cycles played; `sent` and `received` tell how many bytes went and came.
    uint64_t run(const uint8_t* in, uint64_t count, uint8_t* out, uint64_t room, uint64_t cycles, uint64_t stop,
                 uint64_t* sent, uint64_t* received) {
        uint64_t next = 0, came = 0, played = 0;
        bool stopped = false;
        while (played < cycles && came < room && !stopped) {
            if (sending == 0 && next < count) {
                sending = bits * divisor;
                shifted = 1u << 9 | static_cast<unsigned>(in[next++]) << 1;
            }
            if (sending != 0) {
                const uint64_t place = bits - 1 - (sending - 1) / divisor;
                top.rx = shifted >> place & 1;
                --sending;
            }
            cycle();
            ++played;
            if (receiving == 0) {
                if (!top.tx) receiving = bits * divisor - divisor / 2 - 1, value = 0;
            } else {
                // Sampled in the middle of each bit; the last one is the stop bit.
                --receiving;
                if (receiving % divisor == 0) {
                    const uint64_t left = receiving / divisor;
                    if (left != 0) {
                        if (left < 9) value = value >> 1 | (top.tx ? 0x80u : 0u);
                    } else {
                        out[came++] = static_cast<uint8_t>(value);
                        stopped = value == stop;
                    }
                }
            }
        }
        *sent = next;
        *received = came;
        return played;
    }

private:
    static constexpr uint64_t bits = 10;  // start, data, stop
    const uint64_t divisor;
    std::unique_ptr<VerilatedContext> context;
    Top top;
    uint64_t sending = 0, receiving = 0;  // cycles left of the byte on either wire
    unsigned shifted = 0, value = 0;

    inline void cycle() {
        set_clock(top, false);
        Model___024root___eval(top.rootp);
        set_clock(top, true);
        Model___024root___eval(top.rootp);
    }
};

}  // namespace quadrille

using quadrille::Line;

#pragma GCC visibility push(default)
extern "C" {
Line* quadrille_line_open(uint64_t divisor) { return new Line(divisor); }
void quadrille_line_close(Line* line) { delete line; }
void quadrille_line_reset(Line* line) { line->reset(); }
uint64_t quadrille_line_run(Line* line, const uint8_t* in, uint64_t count, uint8_t* out, uint64_t room, uint64_t cycles,
                            uint64_t stop, uint64_t* sent, uint64_t* received) {
    return line->run(in, count, out, room, cycles, stop, sent, received);
}
}
#pragma GCC visibility pop
