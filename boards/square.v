// A product of a number with itself has two of each partial product: half of them, twice as heavy, make the square.
// For Yosys' techmap, which gives _TECHMAP_CONNMAP_*_ the same value where the same nets are connected.
(* techmap_celltype = "$mul" *)
module square (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter _TECHMAP_CONNMAP_A_ = 0;
  parameter _TECHMAP_CONNMAP_B_ = 0;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;

  wire _TECHMAP_FAIL_ = A_WIDTH != B_WIDTH || A_SIGNED != B_SIGNED || A_WIDTH < 3
    || _TECHMAP_CONNMAP_A_ != _TECHMAP_CONNMAP_B_;
  localparam N = A_SIGNED ? A_WIDTH - 1 : A_WIDTH;
  localparam W = 2 * N + 1;
  wire sign = A_SIGNED ? A[A_WIDTH-1] : 1'b0;
  // |A| = r + sign, so that its square is r^2 + sign * (2 r + 1).
  wire [N-1:0] r = A[N-1:0] ^ {N{sign}};
  wire [W*(N+1)-1:0] sums;
  assign sums[W-1:0] = {r, 1'b1} & {N+1{sign}};
  genvar i;
  generate for (i = 0; i < N; i = i + 1) begin: row
    // Bit i with itself, and twice with all above it.
    wire [W-1:0] above = {{W{1'b0}}, r >> (i + 1)} << (2 * i + 2);
    assign sums[W*(i+1) +: W] = sums[W*i +: W] + ((above | (1 << (2 * i))) & {W{r[i]}});
  end endgenerate
  wire [W-1:0] whole = sums[W*N +: W];
  assign Y = whole;
endmodule
