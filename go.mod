module isolate-namespace

go 1.26.0
