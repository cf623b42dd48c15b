#include "textflag.h"

GLOBL ·handlerAddress(SB), NOPTR, $8
DATA ·handlerAddress(SB)/8, $·handler(SB)
GLOBL ·restorerAddress(SB), NOPTR, $8
DATA ·restorerAddress(SB)/8, $0

// The kernel calls handler with the signal's number in R0. Whoever clears the
// signal's bit in pending sends the message, so that each goes out once.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0-0
	MOVD $1, R1
	LSL R0, R1, R1
	MOVD $·pending(SB), R2
set:
	LDAXR (R2), R3
	ORR R1, R3, R3
	STLXR R3, (R2), R4
	CBNZ R4, set
	DMB $0xb // the bit is there before the socket is looked at
	MOVD ·socket(SB), R5
	CMP $0, R5
	BLT done
clear:
	LDAXR (R2), R3
	AND R1, R3, R6
	CBZ R6, done
	BIC R1, R3, R3
	STLXR R3, (R2), R4
	CBNZ R4, clear
	MOVD $·messages(SB), R1
	ADD R0<<7, R1, R1 // a Message has 128 bytes
	MOVD R5, R0
	MOVD $128, R2
	MOVD $0x4040, R3 // MSG_NOSIGNAL|MSG_DONTWAIT
	MOVD $0, R4
	MOVD $0, R5
	MOVD $206, R8 // sendto
	SVC
done:
	RET
