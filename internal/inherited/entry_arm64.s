#include "textflag.h"

#define SYS_fcntl        25
#define SYS_rt_sigaction 134
#define SYS_prctl        167
#define SYS_prlimit64    261

// BriefEntry is Entry for a command that mostly lives for milliseconds. The Go
// runtime has a thread that looks every 20 µs whether there is anything to do, and
// while the command starts that was most of its thread switches. With this slack
// the kernel wakes it less often.
TEXT ·BriefEntry(SB),NOSPLIT|NOFRAME,$0-0
	MOVD $·found(SB), R19
	MOVD $SYS_prctl, R8
	MOVD $30, R0 // PR_GET_TIMERSLACK
	SVC
	MOVD R0, 40(R19)
	CMP $0, R0
	BLE entry
	MOVD $SYS_prctl, R8
	MOVD $29, R0 // PR_SET_TIMERSLACK
	MOVD $500000, R1 // nanoseconds
	SVC
entry:
	JMP ·Entry(SB)

// Entry is where the linker has the program begin (-E). It fills in found and
// goes on as every Go program does. Only the stack pointer matters to what
// comes after it.
TEXT ·Entry(SB),NOSPLIT|NOFRAME,$0-0
	SUB $64, RSP
	MOVD $·found(SB), R19

	MOVD $31, R20 // the signals that are not real-time ones
	MOVD $0, R21
signals:
	MOVD $SYS_rt_sigaction, R8
	MOVD R20, R0
	MOVD $0, R1
	MOVD RSP, R2 // struct kernel_sigaction, which begins with the handler
	MOVD $8, R3
	SVC
	CBNZ R0, signal
	MOVD 0(RSP), R4
	CMP $1, R4 // SIG_IGN
	BNE signal
	MOVD $1, R5
	LSL R20, R5, R5
	ORR R5, R21, R21
signal:
	SUB $1, R20, R20
	CBNZ R20, signals
	MOVD R21, 0(R19)

	MOVD $2, R20
	MOVD $0, R21
descriptors:
	MOVD $SYS_fcntl, R8
	MOVD R20, R0
	MOVD $1, R1 // F_GETFD
	MOVD $0, R2
	SVC
	TBZ $63, R0, descriptor
	MOVD $1, R5
	LSL R20, R5, R5
	ORR R5, R21, R21
descriptor:
	SUB $1, R20, R20
	TBZ $63, R20, descriptors
	MOVD R21, 8(R19)

	MOVD $SYS_prlimit64, R8
	MOVD $0, R0
	MOVD $7, R1 // RLIMIT_NOFILE
	MOVD $0, R2
	ADD $16, R19, R3
	SVC

	MOVD $1, R5
	MOVD R5, 32(R19)
	ADD $64, RSP
	B _rt0_arm64_linux(SB)
