#include "textflag.h"

// func vfork(flags uintptr, pidfd *int32) (pid uintptr, errno uintptr)
//
// The child runs on the caller's stack and uses what is below its frame: the
// address to return to is kept in a register meanwhile.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVQ flags+0(FP), DI
	MOVQ $0, SI
	MOVQ pidfd+8(FP), DX
	MOVQ $0, R10
	MOVQ $0, R8
	MOVQ $56, AX // clone
	POPQ R12
	SYSCALL
	PUSHQ R12
	CMPQ AX, $0xfffffffffffff001
	JLS ok
	NEGQ AX
	MOVQ $-1, pid+16(FP)
	MOVQ AX, errno+24(FP)
	RET
ok:
	MOVQ AX, pid+16(FP)
	MOVQ $0, errno+24(FP)
	RET
