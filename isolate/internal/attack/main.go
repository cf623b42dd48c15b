package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// An Attacker is a program whose main function is Main, and what it needs in
// its environment to be that.
type Attacker struct {
	Path string
	Env  []string
}

// Command returns the attacker with arguments of Main, for the caller to start.
func (a Attacker) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(a.Path, args...)
	cmd.Env = append(os.Environ(), a.Env...)
	return cmd
}

// Main is the attacker. It takes its arguments, without its name, and returns
// the exit status:
//
//	list                 prints the control and the name of each attack
//	world DIR            makes a world in DIR, prints it, and ends it at the end of input
//	all CONTROL WORLD    tries the attacks of one control, and prints what came of each
//	one NAME WORLD       tries one attack
//	forbidden DIR NAME   makes one call that the filter refuses, and prints its errno
//	usual DIR            makes the calls that the filter lets through, and prints theirs
//	victim               is the process that others attack
func Main(args []string) int {
	if len(args) == 0 {
		return 2
	}

	command, args := args[0], args[1:]
	switch {
	case command == "list":
		for _, a := range All() {
			fmt.Printf("%s\t%s\n", a.Control, a.Name)
		}
		return 0
	case command == "world" && len(args) == 1:
		return showWorld(args[0])
	case command == "all" && len(args) == 2:
		return tryAll(Control(args[0]), args[1])
	case command == "one" && len(args) == 2:
		return tryOne(args[0], args[1])
	case command == "forbidden" && len(args) == 2:
		return makeForbidden(args[0], args[1])
	case command == "usual" && len(args) == 1:
		for _, c := range UsualCalls() {
			fmt.Printf("%s: errno %d\n", c.Name, int(c.Make(args[0])))
		}
		return 0
	case command == "victim":
		return beVictim()
	}

	fmt.Fprintf(os.Stderr, "attacker: %s isn't a command, or has other arguments\n", command)
	return 2
}

// showWorld makes a world for another process to attack.
func showWorld(dir string) int {
	w, err := NewWorld(dir, Attacker{Path: "/proc/self/exe"})
	defer w.End()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// tryAll gives each attack a process of its own, since many change the one that
// tries them.
func tryAll(control Control, world string) int {
	self := Attacker{Path: os.Args[0]}
	for _, a := range All() {
		if a.Control != control {
			continue
		}
		out, err := self.Command("one", a.Name, world).CombinedOutput()
		if err != nil && len(out) == 0 {
			report(a.Name, err)
			continue
		}
		os.Stdout.Write(out)
	}
	return 0
}

// tryOne returns 0 if the attack succeeded.
func tryOne(name, world string) int {
	var w World
	if err := json.Unmarshal([]byte(world), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	runtime.LockOSThread()
	os.Chdir(w.Work)
	all := All()
	i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		return 2
	}
	err := all[i].Try(&w)
	report(name, err)
	if err != nil {
		return 1
	}
	return 0
}

func report(name string, err error) {
	if err == nil {
		fmt.Printf("succeeded\t%s\n", name)
	} else {
		fmt.Printf("failed\t%s\t%s\n", name, strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " "))
	}
}

// makeForbidden prints what came of one call.
func makeForbidden(dir, name string) int {
	all := ForbiddenCalls()
	i := slices.IndexFunc(all, func(c ForbiddenCall) bool { return c.Name == name })
	if i < 0 {
		return 2
	}
	fmt.Println(int(all[i].Make(dir)))
	return 0
}
