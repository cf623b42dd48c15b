#include "textflag.h"

GLOBL ·handlerAddress(SB), NOPTR, $8
DATA ·handlerAddress(SB)/8, $·handler(SB)
GLOBL ·restorerAddress(SB), NOPTR, $8
DATA ·restorerAddress(SB)/8, $·restorer(SB)

// The kernel calls handler with the signal's number in DI. Whoever clears the
// signal's bit in pending sends the message, so that each goes out once.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0-0
	MOVL DI, CX
	LOCK
	BTSQ CX, ·pending(SB)
	MOVQ ·socket(SB), DI
	TESTQ DI, DI
	JLT done
	LOCK
	BTRQ CX, ·pending(SB)
	JCC done
	SHLQ $7, CX // a Message has 128 bytes
	LEAQ ·messages(SB), SI
	ADDQ CX, SI
	MOVL $128, DX
	MOVL $0x4040, R10 // MSG_NOSIGNAL|MSG_DONTWAIT
	MOVL $0, R8
	MOVL $0, R9
	MOVL $44, AX // sendto
	SYSCALL
done:
	RET

TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0-0
	MOVL $15, AX // rt_sigreturn
	SYSCALL
	INT $3
