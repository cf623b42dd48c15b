#include "textflag.h"

// func vfork(flags uintptr, pidfd *int32) (pid uintptr, errno uintptr)
//
// The child runs on the caller's stack and uses what is below its frame: the
// address to return to is in a register, R30.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVD flags+0(FP), R0
	MOVD $0, R1
	MOVD pidfd+8(FP), R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8 // clone
	SVC
	CMN $4095, R0
	BCC ok
	NEG R0, R0
	MOVD $-1, R4
	MOVD R4, pid+16(FP)
	MOVD R0, errno+24(FP)
	RET
ok:
	MOVD R0, pid+16(FP)
	MOVD ZR, errno+24(FP)
	RET
