package kernelspec

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"isolate-namespace/isolate"
)

// merge copies into fresh what differs between current and made, which is what a person
// has changed.
func merge(fresh, made, current map[string]any) {
	names := maps.Clone(made)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, current)

	for name := range names {
		was, wasThere := made[name]
		is, isThere := current[name]
		wasObject, _ := was.(map[string]any)
		isObject, _ := is.(map[string]any)
		freshObject, _ := fresh[name].(map[string]any)
		switch {
		case name == metadataKey || wasThere == isThere && reflect.DeepEqual(was, is):
		case isObject != nil && freshObject != nil:
			merge(freshObject, wasObject, isObject)
		case isThere:
			fresh[name] = is
		default:
			delete(fresh, name)
		}
	}
}

// mergeDirs is merge for MNTDIRS_KERNEL, entry by entry.
func mergeDirs(to, fresh, made, current map[string]any) {
	entries := func(env map[string]any) []string {
		text, _ := env["MNTDIRS_KERNEL"].(string)
		return isolate.SplitEntries(text)
	}
	was, is := entries(made), entries(current)
	var merged []string
	for _, entry := range entries(fresh) {
		if removed := slices.Contains(was, entry) && !slices.Contains(is, entry); !removed {
			merged = append(merged, entry)
		}
	}
	for _, entry := range is {
		if !slices.Contains(was, entry) && !slices.Contains(merged, entry) {
			merged = append(merged, entry)
		}
	}
	to["MNTDIRS_KERNEL"] = strings.Join(merged, " ")
}
