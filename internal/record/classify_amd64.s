#include "textflag.h"

// func classify(dst *block, src *byte, blocks int, tail *byte) (high uint32)
TEXT ·classify(SB), NOSPLIT, $0-36
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVQ tail+24(FP), DX

	MOVL         $0x22, AX // quote
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	MOVL         $0x5c, AX // backslash
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1
	MOVL         $0x1f, AX // the last control character
	VMOVD        AX, X2
	VPBROADCASTB X2, Y2
	VPXOR        Y3, Y3, Y3 // all bytes so far, or'ed

	TESTQ CX, CX
	JZ    tail

loop:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VPOR    Y4, Y3, Y3
	VPOR    Y5, Y3, Y3

	VPCMPEQB  Y4, Y0, Y6
	VPCMPEQB  Y5, Y0, Y7
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	MOVQ      AX, (DI)

	VPCMPEQB  Y4, Y1, Y6
	VPCMPEQB  Y5, Y1, Y7
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	MOVQ      AX, 8(DI)

	VPMINUB   Y4, Y2, Y6
	VPMINUB   Y5, Y2, Y7
	VPCMPEQB  Y6, Y4, Y6
	VPCMPEQB  Y7, Y5, Y7
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	MOVQ      AX, 16(DI)

	ADDQ $64, SI
	ADDQ $24, DI
	DECQ CX
	JNZ  loop

tail:
	TESTQ DX, DX
	JZ    done
	MOVQ  DX, SI
	XORL  DX, DX
	MOVL  $1, CX
	JMP   loop

done:
	VPMOVMSKB Y3, AX
	MOVL      AX, high+32(FP)
	VZEROUPPER
	RET

// Each bit stands for a way in which two bytes in a row are not UTF-8. The tables
// say which are possible by the first byte's high half, by its low half, and by the
// second byte's high half; what all three say is so:
//
//	0x01  a lead and no continuation
//	0x02  ASCII and a continuation
//	0x04  overlong in three bytes: E0 and 80 to 9F
//	0x08  beyond U+10FFFF: F4 and 90 to BF, or F5 and above and 90 to BF
//	0x10  a surrogate: ED and A0 to BF
//	0x20  overlong in two bytes: C0 or C1
//	0x40  overlong in four bytes: F0 and 80 to 8F; beyond U+10FFFF: F5 and above and 80 to 8F
//	0x80  two continuations, which is right where the third or fourth byte is due
DATA firstHigh<>+0(SB)/8, $0x0202020202020202
DATA firstHigh<>+8(SB)/8, $0x4915012180808080
GLOBL firstHigh<>(SB), RODATA|NOPTR, $16

DATA firstLow<>+0(SB)/8, $0xcbcbcb8b8383a3e7
DATA firstLow<>+8(SB)/8, $0xcbcbdbcbcbcbcbcb
GLOBL firstLow<>(SB), RODATA|NOPTR, $16

DATA secondHigh<>+0(SB)/8, $0x0101010101010101
DATA secondHigh<>+8(SB)/8, $0x01010101babaaee6
GLOBL secondHigh<>(SB), RODATA|NOPTR, $16

// func invalidUTF8(src *byte, blocks int, tail *byte) (bad uint32)
TEXT ·invalidUTF8(SB), NOSPLIT, $0-28
	MOVQ src+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ tail+16(FP), DX
	SHLQ $1, CX // of 32 bytes

	VBROADCASTI128 firstHigh<>(SB), Y0
	VBROADCASTI128 firstLow<>(SB), Y1
	VBROADCASTI128 secondHigh<>(SB), Y2
	MOVL           $0x0f, AX
	VMOVD          AX, X3
	VPBROADCASTB   X3, Y3
	MOVL           $0x60, AX // from E0 on the difference has its high bit
	VMOVD          AX, X4
	VPBROADCASTB   X4, Y4
	MOVL           $0x70, AX // from F0 on
	VMOVD          AX, X5
	VPBROADCASTB   X5, Y5
	MOVL           $0x80, AX
	VMOVD          AX, X6
	VPBROADCASTB   X6, Y6
	VPXOR          Y7, Y7, Y7 // the 32 bytes before
	VPXOR          Y8, Y8, Y8 // what is wrong so far

	TESTQ CX, CX
	JZ    utf8Tail

utf8Loop:
	VMOVDQU    (SI), Y9
	VPERM2I128 $0x21, Y9, Y7, Y10
	VPALIGNR   $15, Y10, Y9, Y11 // one byte before
	VPALIGNR   $14, Y10, Y9, Y12 // two
	VPALIGNR   $13, Y10, Y9, Y13 // three
	VMOVDQA    Y9, Y7

	VPSRLW  $4, Y11, Y14
	VPAND   Y3, Y14, Y14
	VPSHUFB Y14, Y0, Y14
	VPAND   Y3, Y11, Y11
	VPSHUFB Y11, Y1, Y11
	VPAND   Y11, Y14, Y14
	VPSRLW  $4, Y9, Y9
	VPAND   Y3, Y9, Y9
	VPSHUFB Y9, Y2, Y9
	VPAND   Y9, Y14, Y14

	VPSUBUSB Y4, Y12, Y12
	VPSUBUSB Y5, Y13, Y13
	VPOR     Y12, Y13, Y12
	VPAND    Y6, Y12, Y12
	VPXOR    Y12, Y14, Y14
	VPOR     Y14, Y8, Y8

	ADDQ $32, SI
	DECQ CX
	JNZ  utf8Loop

utf8Tail:
	TESTQ DX, DX
	JZ    utf8Done
	MOVQ  DX, SI
	XORL  DX, DX
	MOVL  $2, CX
	JMP   utf8Loop

utf8Done:
	VPXOR     Y9, Y9, Y9
	VPCMPEQB  Y9, Y8, Y8 // bytes that are right
	VPMOVMSKB Y8, AX
	NOTL      AX
	MOVL      AX, bad+24(FP)
	VZEROUPPER
	RET
