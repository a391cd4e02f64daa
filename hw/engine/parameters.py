"""The parameters of an accelerator: what its blocks share, for constructors, command line and manifest."""

from __future__ import annotations

from quadrille.algo.spec.array_precision import UNIT_SCHEMES, precisions_of
from quadrille.algo.spec.modes import MOST_MODES
from quadrille.hw.base import Choice, Flag, Parameter
from quadrille.hw.base.compress import COMPRESSORS
from quadrille.hw.mac.array import Precisions

from .activation import Functions

__all__ = ["PARAMETERS"]

PARAMETERS = (
    Choice("engine", "cim", ("cim", "mac"), "what multiplies: compute-in-memory macros, or multiply-accumulate arrays"),
    Choice("unit", "spatio-temporal", tuple(UNIT_SCHEMES), "what an array is made of (mac)"),
    Precisions("precisions", "precisions of an array, weights by activations (mac)", precisions_of("8x8")),
    Parameter("rows", 128, 1, 4096, "rows of a macro, units in a column of an array"),
    Parameter("columns", 128, 1, 4096, "columns of a macro"),
    Parameter("macros", 1, 1, 64, "macros side by side: they see the same activations and share row words"),
    Parameter("banks", 1, 1, 16, "banks of macros, each with a row tile of its own, a power of two"),
    Parameter("lanes", 32, 1, 1024, "columns converted and dequantized in one cycle, a power of two"),
    Parameter("word", 128, 1, 4096, "activations in a word of the activation memories, a power of two"),
    Parameter("activation_bits", 4, 1, 16, "most bits of an activation, one cycle each"),
    Flag("signed", False, "whether activations may be signed"),
    Parameter("cell_bits", 1, 1, 16, "bits of a cell, of a weight in an array"),
    Parameter("weight_planes", 2, 1, 2, "2: a tile is written while the other computes"),
    Parameter("cuts", 1, 0, 8, "register cuts in the compressor tree (cim, and spatio-temporal units)"),
    Choice("compressor", "full-adders", tuple(COMPRESSORS), "what the compressor tree is made of (cim)"),
    Parameter("gated_columns", 0, 0, 4096, "columns that share a clock gate, a multiple of lanes; 0: none are gated"),
    Parameter("memory_cuts", 0, 0, 1, "registers behind the memories of converter, dequantizer and value units"),
    Parameter("lane_cuts", 0, 0, 2, "further registers in each lane of converter, dequantizer and value units"),
    Parameter("walk_cuts", 0, 0, 2, "registers between the walk over taps and the words that a tap is read in"),
    Parameter("patch_cuts", 0, 0, 3, "registers between the activation memories and the patch"),
    Parameter(
        "buffers",
        0,
        0,
        2,
        "1: buffers before and behind macro, converter and dequantizer, which cut back-pressure; 2: at the data port, "
        "and a flip-flop for each row of cells says that it is written",
    ),
    Choice("converter", "multiply-shift", ("exact", "ladder", "multiply-shift"), "how column sums become codes"),
    Parameter("adc_bits", 5, 1, 8, "bits of an ADC code (ladder and multiply-shift)"),
    Parameter("multiplier_bits", 12, 1, 32, "width of the converter's multiplier (multiply-shift)"),
    Parameter("offset_bits", 24, 2, 48, "width of the converter's signed offset (multiply-shift)"),
    Parameter("converter_shift", 12, 0, 31, "right shift of the converter (multiply-shift)"),
    Parameter("mantissa_bits", 16, 2, 32, "width of a signed mantissa"),
    Parameter("bias_bits", 32, 2, 64, "width of a signed bias"),
    Parameter("accumulator_bits", 32, 2, 64, "width of an accumulator"),
    Parameter("shift_bits", 5, 1, 6, "width of a rounding shift's amount"),
    Parameter("result_bits", 16, 2, 32, "width of a signed result"),
    Parameter("scale_bits", 16, 2, 22, "width of a signed mantissa behind the dequantizer"),
    Parameter("stored_bits", 9, 1, 32, "width of a signed value in the residual memory"),
    Parameter("pool_bits", 16, 1, 40, "width of a signed pooled value"),
    Functions("functions", "what results can go through before they are pooled"),
    Parameter("activation_cuts", 3, 1, 64, "register cuts in each function"),
    Flag("residual", False, "whether stored values can be added to results"),
    Flag("pooling", False, "whether results can be pooled"),
    Flag("requantizing", False, "whether results can be brought to another scale before they are stored"),
    Parameter("frames", 32, 1, 1024, "most images of a batch: a tile serves all of them before it is swapped"),
    Parameter("input_words", 32, 1, 1 << 24, "words of the input memory that hold the images of a batch"),
    Parameter("feature_words", 64, 1, 1 << 24, "words of the feature memory, which holds activations between layers"),
    Parameter("stored_words", 1, 1, 1 << 20, "words of the residual memory: groups of `lanes` values"),
    Parameter("pool_words", 1, 1, 1 << 16, "words of the pooling unit's memory: groups of one row of pooled windows"),
    Parameter("weight_tiles", 3, 1, 1 << 16, "instructions of a program, each with its tile of weights"),
    Parameter("weight_rows", 384, 1, 1 << 24, "row words of the weight memory, where equal tiles stand once"),
    Parameter("modes", 1, 1, MOST_MODES, "modes of a program; with several, each batch runs in one"),
    Parameter("table_rows", 16, 1, 1 << 16, "rows of the converter and mantissa tables: column steps"),
    Parameter("bias_rows", 12, 1, 1 << 16, "rows of the bias table: slots of outputs"),
    Parameter("routes", 4, 1, 1 << 12, "rows of the tables of what follows the dequantizer"),
    Parameter("accumulators", 128, 1, 1 << 16, "groups of sums that accumulate at a time"),
    Parameter("steps", 8, 1, 1 << 12, "most column steps of one tile"),
    Parameter("map_size", 1, 1, 4096, "greatest height or width of a map"),
    Parameter("kernel_size", 1, 1, 256, "greatest height or width of a kernel or pool"),
)
