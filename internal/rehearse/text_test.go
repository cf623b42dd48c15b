package rehearse

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a person reads of each kind of report. Names and outputs, which strangers may
// have chosen, steer no terminal and begin no line.
func TestText(t *testing.T) {
	reports := []*Report{
		{Notebook: "source/ps1/same.ipynb", Verdict: Same},
		{Notebook: "source/ps1/graded.ipynb", Verdict: Same, Points: &Points{3, 3, 3}},
		{Notebook: "source/ps1/less.ipynb", Verdict: Differs, Points: &Points{1.5, 3, 4}, Cells: []Cell{
			{Cell: 3, Execution: 2, Says: []string{"raises FileNotFoundError: [Errno 2] No such file or directory: '/srv/data/a.csv'"}},
			{Cell: 7, Execution: 4, GradeID: "test_load", Says: []string{"raises NameError: name 'rows' is not defined"}, Points: &Points{0, 1.5, 1.5}},
		}},
		{Notebook: "variables.ipynb", Verdict: Differs, Cells: []Cell{
			{Cell: 1, Execution: 1, Says: []string{"raises KeyError: 'COURSE_DATA'"}, Variables: []string{"COURSE_DATA", "COURSE_TOKEN"}},
		}},
		{Notebook: "fails.ipynb", Verdict: Same, Failing: []Cell{{Cell: 2, Execution: 1, Says: []string{"raises ZeroDivisionError: division by zero"}}}},
		{Notebook: "none.ipynb", Verdict: NotRehearsed, Reason: "not a notebook: it has no nbformat"},
		{Notebook: "r.ipynb", Verdict: NotRehearsed, Reason: "it is written in r, and python3-isolated runs python", Remedy: "rehearse it with a twin of ir"},
		{Notebook: "evil\x1b]0;\a\nisolate-kernelspec: all is well", Verdict: Differs, Cells: []Cell{
			{Cell: 1, Execution: 1, GradeID: "id\n\u202e", Says: []string{shorten("prints \x1b[2J\r" + strings.Repeat("é", 200))}},
		}},
	}
	var got strings.Builder
	for _, r := range reports {
		got.WriteString(r.Text())
	}
	str := func(s string) *string { return &s }
	needs := Needs{
		Mounts: []string{"ro:/srv/data", `ro:/srv/my\ data`}, Variables: []string{"COURSE_DATA"},
		Writable: []string{"/srv/results"}, Secrets: []string{"COURSE_TOKEN"},
		missed: Missed{
			Groups: []MissedGroup{
				{Entry: str("ro:/srv/data"), Files: []MissedFile{{"/srv/data/a.csv", "read", 2}, {"/srv/data/\x1b[2J", "look", 1}}},
				{Reason: str("secret"), Files: []MissedFile{{"/home/ann/.ssh/id_rsa", "read", 1}}},
			},
			Connections: []MissedConnection{{"127.0.0.1:5432", false, 3}, {"db.example.org", true, 1}},
			Incomplete:  str("it looked for too much"),
		},
	}
	got.WriteString(needs.Text("python3-isolated"))
	got.WriteString(Needs{Again: true}.Text("python3-isolated"))
	got.WriteString(Needs{}.Text("python3-isolated"))

	const golden = "testdata/reports.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s, which UPDATE_GOLDEN=1 writes: - there + here\n%s", golden, diff)
	}
}
