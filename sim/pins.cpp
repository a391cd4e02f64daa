// One cycle at a time of a design whose pins are set and read from outside.
#include <memory>

#include "ports.h"

namespace quadrille {

class Design {
public:
    Design() : context{new VerilatedContext}, top{context.get(), ""} {
        top.eval();
        reset();
    }

    ~Design() { top.final(); }

    void reset() {
        set_reset(top, true);
        for (int count = 0; count < 2; ++count) settle(), edge();
        set_reset(top, false);
    }

    void settle() { set_clock(top, false), top.eval(); }
    void edge() { set_clock(top, true), top.eval(); }

    void write(unsigned index, uint64_t value) { write_pin(top, index, value); }
    uint64_t read(unsigned index) const { return read_pin(top, index); }

private:
    std::unique_ptr<VerilatedContext> context;
    Top top;
};

}  // namespace quadrille

using quadrille::Design;

#pragma GCC visibility push(default)
extern "C" {
Design* quadrille_pins_open() { return new Design; }
void quadrille_pins_close(Design* design) { delete design; }
void quadrille_pins_reset(Design* design) { design->reset(); }
void quadrille_pins_settle(Design* design) { design->settle(); }
void quadrille_pins_edge(Design* design) { design->edge(); }
void quadrille_pins_write(Design* design, unsigned index, uint64_t value) { design->write(index, value); }
uint64_t quadrille_pins_read(Design* design, unsigned index) { return design->read(index); }
}
#pragma GCC visibility pop
