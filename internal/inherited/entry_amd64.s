#include "textflag.h"

#define SYS_rt_sigaction 13
#define SYS_fcntl        72
#define SYS_prctl        157
#define SYS_prlimit64    302

// BriefEntry is Entry for a command that mostly lives for milliseconds. The Go
// runtime has a thread that looks every 20 µs whether there is anything to do, and
// while the command starts that was most of its thread switches. With this slack
// the kernel wakes it less often.
TEXT ·BriefEntry(SB),NOSPLIT|NOFRAME,$0-0
	MOVL $SYS_prctl, AX
	MOVL $30, DI // PR_GET_TIMERSLACK
	SYSCALL
	MOVQ AX, ·found+40(SB)
	TESTQ AX, AX
	JLE entry
	MOVL $SYS_prctl, AX
	MOVL $29, DI // PR_SET_TIMERSLACK
	MOVL $500000, SI // nanoseconds
	SYSCALL
entry:
	JMP ·Entry(SB)

// Entry is where the linker has the program begin (-E). It fills in found and
// goes on as every Go program does. Only the stack pointer matters to what
// comes after it.
TEXT ·Entry(SB),NOSPLIT|NOFRAME,$0-0
	SUBQ $64, SP

	MOVL $31, R12 // the signals that are not real-time ones
signals:
	MOVL $SYS_rt_sigaction, AX
	MOVL R12, DI
	MOVL $0, SI
	MOVQ SP, DX // struct kernel_sigaction, which begins with the handler
	MOVL $8, R10
	SYSCALL
	TESTQ AX, AX
	JNE signal
	CMPQ 0(SP), $1 // SIG_IGN
	JNE signal
	MOVL R12, AX
	BTSQ AX, ·found+0(SB)
signal:
	DECL R12
	JNE signals

	MOVL $2, R12
descriptors:
	MOVL $SYS_fcntl, AX
	MOVL R12, DI
	MOVL $1, SI // F_GETFD
	MOVL $0, DX
	SYSCALL
	TESTQ AX, AX
	JGE descriptor
	MOVL R12, AX
	BTSQ AX, ·found+8(SB)
descriptor:
	DECL R12
	JGE descriptors

	MOVL $SYS_prlimit64, AX
	MOVL $0, DI
	MOVL $7, SI // RLIMIT_NOFILE
	MOVL $0, DX
	LEAQ ·found+16(SB), R10
	SYSCALL

	MOVQ $1, ·found+32(SB)
	ADDQ $64, SP
	JMP _rt0_amd64_linux(SB)
