package main

import "testing"

func TestRow(t *testing.T) {
	for _, test := range []struct {
		name string
		figure
		want string
	}{
		{"compared", figure{Name: "f", Unit: "ms", Ours: sample{5, 4, 3, 2, 1}, Theirs: sample{2, 2, 2, 2, 2}, Ratios: []float64{1, 1.5}},
			"| f | 3.00 ms (2.00–4.00) | 2.00 ms (2.00–2.00) | 1.50 | at most 1: not met; at most 1.5: met |"},
		{"alone", figure{Name: "f", Unit: "MiB", Ours: sample{12.34}, Most: 6}, "| f | 12.3 MiB |  |  | at most 6 MiB: not met |"},
		{"large", figure{Name: "f", Unit: "ms", Ours: sample{345.6}}, "| f | 346 ms |  |  |  |"},
		{"absent", figure{Name: "f", Absent: "takes root"}, "| f | takes root | | | |"},
	} {
		if got := test.row(); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}
