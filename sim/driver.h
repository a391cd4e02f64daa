// What the generated ports.h and the fixed driver.cpp share: moving payloads between packed words and Verilator's ports.
// Little-endian machines only, as are the files of the accelerator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "verilated.h"

namespace quadrille {

// A payload of 32-bit words that may be read eight bytes past its end, so that any bit position needs one load.
template <unsigned Bits>
struct Payload {
    static constexpr unsigned bytes = (Bits + 31) / 32 * 4;
    alignas(8) uint8_t data[bytes + 16];
    bool operator==(const Payload& other) const { return std::memcmp(data, other.data, bytes) == 0; }
};

template <typename Port>
inline void put(Port& port, const uint64_t* row) { port = static_cast<Port>(*row); }

template <std::size_t Words>
inline void put(VlWide<Words>& port, const uint64_t* row) { std::memcpy(port.data(), row, Words * sizeof(EData)); }

// What a payload is while it is not valid: its complement, so that a design that reads it then is found out.
template <typename Port>
inline void spoil(Port& port, uint64_t mask) { port = static_cast<Port>(~port & mask); }

template <std::size_t Words>
inline void spoil(VlWide<Words>& port, uint64_t mask) {
    for (std::size_t word = 0; word < Words; ++word) port.data()[word] = ~port.data()[word];
    port.data()[Words - 1] &= static_cast<EData>(mask);
}

template <unsigned Bits, typename Port>
inline void take(const Port& port, Payload<Bits>& to) {
    const uint64_t value = port;
    std::memcpy(to.data, &value, sizeof value);
}

template <unsigned Bits, std::size_t Words>
inline void take(const VlWide<Words>& port, Payload<Bits>& to) {
    std::memcpy(to.data, port.data(), Words * sizeof(EData));
}

template <unsigned Width>
inline uint64_t bits(const uint8_t* data, uint64_t position) {
    uint64_t low;
    std::memcpy(&low, data + (position >> 3), sizeof low);
    const unsigned shift = position & 7;
    low >>= shift;
    if (Width > 57 && shift != 0) low |= static_cast<uint64_t>(data[(position >> 3) + 8]) << (64 - shift);
    return Width == 64 ? low : low & ((uint64_t{1} << (Width & 63)) - 1);
}

// `Count` elements of at most 64 bits, `Stride` bits apart, sign-extended or zero-extended into integers.
template <typename Integer, unsigned Width, bool Signed, unsigned Count, unsigned Stride>
inline void extract(const uint8_t* data, uint64_t offset, Integer* to) {
    constexpr unsigned spare = 64 - Width;
    for (unsigned index = 0; index < Count; ++index) {
        const uint64_t value = bits<Width>(data, offset + uint64_t{index} * Stride);
        to[index] = static_cast<Integer>(Signed ? static_cast<int64_t>(value << spare) >> spare
                                                : static_cast<int64_t>(value));
    }
}

// A field of more than 64 bits as little-endian words.
template <unsigned Width>
inline void extract_words(const uint8_t* data, uint64_t offset, uint64_t* to) {
    constexpr unsigned whole = Width / 64, rest = Width % 64;
    for (unsigned word = 0; word < whole; ++word) to[word] = bits<64>(data, offset + word * 64);
    if (rest != 0) to[whole] = bits<rest == 0 ? 1 : rest>(data, offset + whole * 64);
}

}  // namespace quadrille
