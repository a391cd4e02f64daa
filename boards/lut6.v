// The word cells of hw.base.word_cells in look-up tables of six inputs and carry chains, for UltraScale+ and 7-series.
// For Yosys' techmap, which finds them by name.
//
// A bit of a carry chain takes a look-up table: O6 says whether it propagates, O5 what it generates. Of its sum and its
// carry only one leaves the slice unregistered, so a carry that leaves the chain takes one bit more, with an idle table
// that is written down here in order to be counted. CARRY4 is half of UltraScale+'s CARRY8.

// A full adder: one table with two outputs.
module word__counter_3 #(parameter WIDTH = 1) (
  input [WIDTH-1:0] i_0_0, i_0_1, i_0_2,
  output [WIDTH-1:0] o_0, o_1
);
  genvar n;
  generate for (n = 0; n < WIDTH; n = n + 1) begin: bits
    LUT6_2 #(.INIT(64'h96969696E8E8E8E8)) adder (
      .I0(i_0_0[n]), .I1(i_0_1[n]), .I2(i_0_2[n]), .I3(1'b0), .I4(1'b0), .I5(1'b1), .O6(o_0[n]), .O5(o_1[n]));
  end endgenerate
endmodule

// Two bits of a chain that count six bits (Preusser, FPL 2017): the first adds the parity of five, the sixth and the
// carry, the second what five bits leave beside their parity, 0, 1 or 2. Where the first does not propagate, the sixth
// bit equals the parity of the others, which is what a table's O5 gives that has the parity of all six at O6.
module word__six (input [5:0] i, output [1:0] propagates, output [1:0] generates);
  LUT6_2 #(.INIT(64'h6996966996696996)) parity (
    .I0(i[0]), .I1(i[1]), .I2(i[2]), .I3(i[3]), .I4(i[4]), .I5(i[5]), .O6(propagates[0]), .O5(generates[0]));
  LUT6_2 #(.INIT(64'h177E7EE8E8808000)) half (
    .I0(i[0]), .I1(i[1]), .I2(i[2]), .I3(i[3]), .I4(i[4]), .I5(1'b1), .O6(propagates[1]), .O5(generates[1]));
endmodule

module word__counter_7 #(parameter WIDTH = 1) (
  input [WIDTH-1:0] i_0_0, i_0_1, i_0_2, i_0_3, i_0_4, i_0_5, i_0_6,
  output [WIDTH-1:0] o_0, o_1, o_2
);
  genvar n;
  generate for (n = 0; n < WIDTH; n = n + 1) begin: bits
    wire [1:0] propagates, generates;
    wire idle, unused;
    word__six count (
      .i({i_0_5[n], i_0_4[n], i_0_3[n], i_0_2[n], i_0_1[n], i_0_0[n]}), .propagates(propagates), .generates(generates));
    (* keep *) LUT1 #(.INIT(2'b00)) leave (.I0(1'b0), .O(idle));
    CARRY4 chain (
      .CI(1'b0), .CYINIT(i_0_6[n]), .S({1'b0, idle, propagates}), .DI({2'b00, generates}),
      .O({unused, o_2[n], o_1[n], o_0[n]}), .CO());
  end endgenerate
endmodule

module word__counter_7_0_6 #(parameter WIDTH = 1) (
  input [WIDTH-1:0] i_0_0, i_0_1, i_0_2, i_0_3, i_0_4, i_0_5, i_0_6,
  input [WIDTH-1:0] i_2_0, i_2_1, i_2_2, i_2_3, i_2_4, i_2_5,
  output [WIDTH-1:0] o_0, o_1, o_2, o_3, o_4
);
  genvar n;
  generate for (n = 0; n < WIDTH; n = n + 1) begin: bits
    wire [3:0] propagates, generates, carries;
    wire [2:0] unused;
    wire idle;
    word__six low (
      .i({i_0_5[n], i_0_4[n], i_0_3[n], i_0_2[n], i_0_1[n], i_0_0[n]}),
      .propagates(propagates[1:0]), .generates(generates[1:0]));
    word__six high (
      .i({i_2_5[n], i_2_4[n], i_2_3[n], i_2_2[n], i_2_1[n], i_2_0[n]}),
      .propagates(propagates[3:2]), .generates(generates[3:2]));
    (* keep *) LUT1 #(.INIT(2'b00)) leave (.I0(1'b0), .O(idle));
    CARRY4 chain (
      .CI(1'b0), .CYINIT(i_0_6[n]), .S(propagates), .DI(generates),
      .O({o_3[n], o_2[n], o_1[n], o_0[n]}), .CO(carries));
    CARRY4 last (
      .CI(carries[3]), .CYINIT(1'b0), .S({3'b000, idle}), .DI(4'b0000), .O({unused, o_4[n]}), .CO());
  end endgenerate
endmodule

// Four bits of a sum of three numbers (Simkins and Young, US 7,274,211): each table adds three bits and the carry that
// the table below leaves at O5, which this bit generates where it does not propagate. The sum goes to a register.
module word__ternary_4 #(parameter WIDTH = 1) (
  input [WIDTH-1:0] a_0, b_0, s_0, a_1, b_1, s_1, a_2, b_2, s_2, a_3, b_3, s_3, keep, ci, fi,
  output [WIDTH-1:0] o_0, o_1, o_2, o_3, co, fo
);
  genvar n, k;
  generate for (n = 0; n < WIDTH; n = n + 1) begin: columns
    wire [3:0] a = {a_3[n], a_2[n], a_1[n], a_0[n]};
    wire [3:0] b = {b_3[n], b_2[n], b_1[n], b_0[n]};
    wire [3:0] s = {s_3[n], s_2[n], s_1[n], s_0[n]};
    wire [3:0] propagates, carries;
    wire [4:0] left;
    assign left[0] = fi[n];
    for (k = 0; k < 4; k = k + 1) begin: bits
      LUT6_2 #(.INIT(64'h69999666E888E888)) adder (
        .I0(a[k]), .I1(b[k]), .I2(s[k]), .I3(keep[n]), .I4(left[k]), .I5(1'b1), .O6(propagates[k]), .O5(left[k+1]));
    end
    CARRY4 chain (
      .CI(ci[n]), .CYINIT(1'b0), .S(propagates), .DI(left[3:0]), .O({o_3[n], o_2[n], o_1[n], o_0[n]}), .CO(carries));
    assign co[n] = carries[3];
    assign fo[n] = left[4];
  end endgenerate
endmodule
