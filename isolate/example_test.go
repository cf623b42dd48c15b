package isolate_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"isolate-namespace/isolate"
)

// A program that nobody trusts gets one gibibyte and ten seconds, and its
// report says what became of it.
func Example() {
	cmd := isolate.Command(isolate.Policy{
		Dir:    "/tmp", // private, and empty
		Limits: isolate.Limits{Memory: 1 << 30, Time: 10 * time.Second},
	}, "sh", "-c", "echo an answer; cat /etc/shadow; exit 3")
	cmd.Stdout = os.Stdout
	err := cmd.Run()
	report := cmd.Report()
	fmt.Println(err, report.Status, report.Limit == "", report.CPU < time.Second)
	// Output:
	// an answer
	// exit status 3 3 true true
}

// A program that may read the course, write here, compute for ten seconds, and
// reach nothing.
func Example_grading() {
	course, leave := coursework()
	defer leave()

	policy := isolate.Policy{
		Mounts: []isolate.Mount{isolate.ReadOnly(course), isolate.Writable(".")},
		Limits: isolate.Limits{Memory: 1 << 30, Time: 10 * time.Second},
	}
	cmd := isolate.Command(policy, "sh", course+"/grade")
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(cmd.Report().CPU < 10*time.Second)
	// Output:
	// the answer is 42
	// graded
	// true
}

// coursework makes a course and an answer to it, and enters the answer's
// directory.
func coursework() (course string, leave func()) {
	before, _ := os.Getwd()
	course, err := os.MkdirTemp("", "course")
	script := "cat answer; echo graded | tee grade"
	err = errors.Join(err, os.WriteFile(course+"/grade", []byte(script), 0o644), os.Mkdir(course+"/answers", 0o755),
		os.WriteFile(course+"/answers/answer", []byte("the answer is 42\n"), 0o644), os.Chdir(course+"/answers"))
	if err != nil {
		log.Fatal(err)
	}
	return course, func() {
		os.Chdir(before)
		os.RemoveAll(course)
	}
}

// Mounts say what is visible; a mount may lie inside another one.
func ExampleCommand() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	if err := os.WriteFile(dir+"/notes", []byte("kept\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	policy := isolate.Policy{
		Dir: "/box",
		Mounts: []isolate.Mount{
			isolate.CopyOnWrite(dir).At("/box"),
			isolate.ReadOnly("/usr/share").At("/data"),
		},
	}
	cmd := isolate.Command(policy, "sh", "-c", "rm notes; ls; ls -d /data; touch /data/new")
	cmd.Stdout = os.Stdout
	fmt.Println(cmd.Run())
	notes, _ := os.ReadFile(dir + "/notes")
	fmt.Printf("%s", notes)
	// Output:
	// /data
	// exit status 1
	// kept
}

// ParseMounts reads the syntax that people write.
func ExampleParseMounts() {
	mounts, err := isolate.ParseMounts(`. ro:~/course /opt/data=../data secret=none`, "/work/ps1", "/home/eve")
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range mounts {
		fmt.Println(m.Target, m.Source, m.Access == isolate.AccessReadOnly, m.Access == isolate.AccessMasked)
	}
	// Output:
	// /work/ps1 /work/ps1 false false
	// /home/eve/course /home/eve/course true false
	// /opt/data /work/data false false
	// /work/ps1/secret  false true
}

// A limit that was reached is in the error and in the report.
func ExampleCmd_Report() {
	cmd := isolate.Command(isolate.Policy{
		Dir:    "/tmp",
		Limits: isolate.Limits{Time: 200 * time.Millisecond},
	}, "sleep", "60")
	fmt.Println(cmd.Run())
	fmt.Println(cmd.Report().Limit, isolate.ExitCode(cmd.Wait()))
	// Output:
	// ended at the time limit of 200ms
	// time 137
}

// What went wrong is said in words, and of which kind it is for who decides by it.
func ExampleKind() {
	err := isolate.Command(isolate.Policy{Dir: "/nowhere"}, "true").Run()
	fmt.Println(err)
	var setup *isolate.SetupError
	if errors.As(err, &setup) {
		fmt.Println(setup.Kind == isolate.KindDirHidden)
	}
	fmt.Println(isolate.ExitCode(err))
	// Output:
	// enter the working directory /nowhere: it is not visible inside
	// true
	// 125
}

// A path can be asked about without running anything.
func ExamplePolicy_Explain() {
	policy := isolate.Policy{Dir: "/tmp"}
	for _, path := range []string{"/usr/bin/env", "/etc/shadow"} {
		e, err := policy.Explain(path)
		fmt.Println(e.Sentence, e.Visible, e.ToShow, err)
	}
	// Output:
	// /usr/bin/env: visible, in /usr, read-only true  <nil>
	// /etc/shadow: not visible false /etc/shadow <nil>
}

// The whole policy in words begins with what matters most.
func ExamplePolicy_Describe() {
	text, err := isolate.Policy{Dir: "/tmp", Env: []string{"LANG=C.UTF-8"}, User: &isolate.User{UID: 1000, GID: 100}}.Describe()
	if err != nil {
		log.Fatal(err)
	}
	words, _, _ := strings.Cut(text, "Limits") // and the tree of files
	fmt.Print(words)
	// Output:
	// Network      none, but a loopback interface of its own
	// User         1000, group 100, on the host isolated
	// Directory    /tmp
	// Environment  HOME LANG TMPDIR
}
