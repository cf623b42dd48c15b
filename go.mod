module isolate-namespace

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/sys v0.49.0
)

require github.com/santhosh-tekuri/jsonschema/v5 v5.3.1
