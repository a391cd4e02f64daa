// The clock loop around one Verilated design: feeds its input streams from packed rows, stores its output streams field
// by field, and stops when every expected beat has arrived. What differs between designs is in the generated ports.h.
#include <memory>
#include <tuple>
#include <utility>

#include "ports.h"

void Model___024root___eval(Model___024root* root);  // Verilator's, in the model's own files

namespace quadrille {

struct InputPlan {
    const uint64_t* rows;  // count x words, one packed payload each
    uint64_t count;
    uint64_t next;     // beats accepted so far
    uint64_t* cycles;  // when each was
    uint64_t stall;    // of 2^64: how often a beat is withheld for a cycle
    uint64_t random;
    uint64_t offered;  // the present beat has been shown and may not be withdrawn
};

struct OutputPlan {
    uint64_t count;    // beats wanted
    uint64_t taken;    // beats stored so far
    uint64_t surplus;  // beats beyond those
    uint64_t* cycles;
    void* const* fields;
    uint64_t stall;
    uint64_t random;
};

enum Outcome : uint64_t { done, paused, limit_reached, idle_reached, withdrawn, changed };

struct Plan {
    uint64_t cycle;
    uint64_t pause_at;    // return to the caller, who may be interrupted, and come back
    uint64_t limit;       // give up at this cycle
    uint64_t idle;        // cycles without a transfer
    uint64_t idle_limit;  // give up after so many
    uint64_t reset_at;    // reset once at this cycle and start again
    uint64_t careful;     // stalls, or the stream rules are checked
    uint64_t fault;       // index of the output that broke a rule
    InputPlan* inputs;
    OutputPlan* outputs;
};

inline uint64_t draw(uint64_t& state) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
}

template <std::size_t Index>
struct Held {
    bool waiting = false;
    Payload<std::tuple_element_t<Index, Outputs>::width> payload;
};

template <std::size_t... Index>
std::tuple<Held<Index>...> held_type(std::index_sequence<Index...>);

constexpr std::size_t input_count = std::tuple_size_v<Inputs>;
constexpr std::size_t output_count = std::tuple_size_v<Outputs>;

template <typename Visit, std::size_t... Index>
inline void visit_all(Visit&& visit, std::index_sequence<Index...>) {
    (visit(std::integral_constant<std::size_t, Index>{}), ...);
}

template <typename Visit>
inline void each_input(Visit&& visit) { visit_all(visit, std::make_index_sequence<input_count>{}); }

template <typename Visit>
inline void each_output(Visit&& visit) { visit_all(visit, std::make_index_sequence<output_count>{}); }

class Simulation {
public:
    Simulation() : context{new VerilatedContext}, top{(context->traceEverOn(QUADRILLE_TRACE), context.get()), ""} {
        each_input([&](auto index) { std::tuple_element_t<index, Inputs>::valid(top, false); });
        each_output([&](auto index) { std::tuple_element_t<index, Outputs>::ready(top, false); });
        set_reset(top, false);
        set_clock(top, false);
        top.eval();
    }

    void open_wave(const char* path, uint64_t from) {
#if QUADRILLE_TRACE
        close_wave();
        shown_from = context->time() + from;
        wave.reset(new Wave);
        top.trace(wave.get(), 99);
        wave->open(path);
#else
        (void)path, (void)from;
#endif
    }

    void close_wave() {
#if QUADRILLE_TRACE
        if (wave) wave->close();
        wave.reset();
#endif
    }

    void restart() {
        each_input([&](auto index) { std::tuple_element_t<index, Inputs>::valid(top, false); });
        each_output([&](auto index) { std::tuple_element_t<index, Outputs>::ready(top, false); });
        set_reset(top, true);
        for (int cycle = 0; cycle < 2; ++cycle) {
            settle();
            edge();
        }
        set_reset(top, false);
    }

    void begin(Plan& plan) {
        plan.cycle = plan.idle = 0;
        each_input([&](auto index) {
            InputPlan& input = plan.inputs[index];
            input.next = input.offered = 0;
            if (!plan.careful) offer<index>(input);
        });
        each_output([&](auto index) {
            plan.outputs[index].taken = plan.outputs[index].surplus = 0;
            std::get<index>(held).waiting = false;
            std::tuple_element_t<index, Outputs>::ready(top, true);
        });
    }

    Outcome run(Plan& plan) { return plan.careful ? loop<true>(plan) : loop<false>(plan); }

    void write(unsigned index, uint64_t value) { write_pin(top, index, value); }
    uint64_t read(unsigned index) const { return read_pin(top, index); }

    ~Simulation() {
        close_wave();
        top.final();
    }

private:
    std::unique_ptr<VerilatedContext> context;
    Top top;
    decltype(held_type(std::make_index_sequence<output_count>{})) held;
#if QUADRILLE_TRACE
    std::unique_ptr<Wave> wave;
    uint64_t shown_from = 0;
#endif

    void dump() {
#if QUADRILLE_TRACE
        if (wave && context->time() >= shown_from) wave->dump(context->time());
        context->timeInc(5);
#endif
    }

    // What `eval` does besides, in every call, is to flush messages between threads and to free objects of classes.
    // Verilog without either needs none of it; waveforms do.
    inline void evaluate() {
#if QUADRILLE_TRACE
        top.eval();
#else
        Model___024root___eval(top.rootp);
#endif
    }

    inline void settle() {  // combinational paths from the inputs, before the edge
#if QUADRILLE_SAIF
        // What switches is counted as in silicon, where inputs move with the registers and nothing does a second time.
        evaluate();
        dump();
#endif
        set_clock(top, false);
        evaluate();
        dump();
    }

    inline void edge() {
        if (has_clock) {
            set_clock(top, true);
            evaluate();
        }
#if !QUADRILLE_SAIF
        dump();
#endif
    }

    template <std::size_t Index>
    inline void offer(InputPlan& input) {
        using Stream = std::tuple_element_t<Index, Inputs>;
        const bool more = input.next < input.count;
        if (more) Stream::payload(top, input.rows + input.next * Stream::words);
        Stream::valid(top, more);
    }

    template <std::size_t Index>
    inline void offer_or_stall(InputPlan& input) {
        using Stream = std::tuple_element_t<Index, Inputs>;
        if (input.offered) return;
        input.offered = input.next < input.count && draw(input.random) >= input.stall;
        if (input.offered) {
            offer<Index>(input);
        } else {
            Stream::valid(top, false);
            Stream::spoil_payload(top);
        }
    }

    template <bool Careful>
    Outcome loop(Plan& plan) {
        uint64_t missing = 0;
        each_output([&](auto index) { missing += plan.outputs[index].count - plan.outputs[index].taken; });
        const uint64_t stop = plan.pause_at < plan.limit ? plan.pause_at : plan.limit;
        uint64_t cycle = plan.cycle, idle = plan.idle;
        Outcome outcome = done;
        while (missing != 0) {
            if (cycle == plan.reset_at) {
                plan.reset_at = ~uint64_t{0};
                restart();
                begin(plan);
                return paused;
            }
            if (idle >= plan.idle_limit) {
                outcome = idle_reached;
                break;
            }
            if (cycle >= stop) {
                outcome = cycle >= plan.limit ? limit_reached : paused;
                break;
            }
            bool ready[output_count + 1];
            if (Careful) {
                each_input([&](auto index) { offer_or_stall<index>(plan.inputs[index]); });
                each_output([&](auto index) {
                    OutputPlan& output = plan.outputs[index];
                    ready[index] = std::tuple_element_t<index, Outputs>::tap || draw(output.random) >= output.stall;
                    std::tuple_element_t<index, Outputs>::ready(top, ready[index]);
                });
            }
            settle();
            bool moves[input_count + 1];
            bool any = false;
            each_input([&](auto index) {
                const InputPlan& input = plan.inputs[index];
                const bool shown = Careful ? input.offered != 0 : input.next < input.count;
                moves[index] = shown && std::tuple_element_t<index, Inputs>::ready(top);
                any |= moves[index];
            });
            each_output([&](auto index) {
                using Stream = std::tuple_element_t<index, Outputs>;
                OutputPlan& output = plan.outputs[index];
                const bool valid = Stream::valid(top);
                if (Careful) {
                    auto& before = std::get<index>(held);
                    if (before.waiting && !valid) outcome = withdrawn, plan.fault = index;
                    if (valid) {
                        decltype(before.payload) now;
                        Stream::payload(top, now);
                        if (before.waiting && !(now == before.payload)) outcome = changed, plan.fault = index;
                        before.payload = now;
                    }
                    before.waiting = valid && !ready[index];
                    if (!ready[index]) return;
                }
                if (!valid) return;
                any = true;
                if (output.taken < output.count) {
                    Stream::store(top, output.fields, output.taken);
                    output.cycles[output.taken++] = cycle;
                    --missing;
                } else {
                    ++output.surplus;
                }
            });
            if (Careful && outcome != done) break;
            edge();
            each_input([&](auto index) {
                InputPlan& input = plan.inputs[index];
                if (!moves[index]) return;
                input.cycles[input.next++] = cycle;
                input.offered = 0;
                if (!Careful) offer<index>(input);
            });
            idle = any ? 0 : idle + 1;
            ++cycle;
        }
        plan.cycle = cycle;
        plan.idle = idle;
        return outcome;
    }
};

}  // namespace quadrille

using quadrille::Plan;
using quadrille::Simulation;

#pragma GCC visibility push(default)
extern "C" {
Simulation* quadrille_open() { return new Simulation; }
void quadrille_close(Simulation* simulation) { delete simulation; }
void quadrille_wave(Simulation* simulation, const char* path, uint64_t from) { simulation->open_wave(path, from); }
void quadrille_end_wave(Simulation* simulation) { simulation->close_wave(); }
void quadrille_restart(Simulation* simulation) { simulation->restart(); }
void quadrille_begin(Simulation* simulation, Plan* plan) { simulation->begin(*plan); }
uint64_t quadrille_run(Simulation* simulation, Plan* plan) { return simulation->run(*plan); }
void quadrille_write_pin(Simulation* simulation, unsigned index, uint64_t value) { simulation->write(index, value); }
uint64_t quadrille_read_pin(Simulation* simulation, unsigned index) { return simulation->read(index); }
}
#pragma GCC visibility pop
