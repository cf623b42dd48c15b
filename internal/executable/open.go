package executable

import "isolate-namespace/internal/regular"

// ReadPath reads the regular file at a path that has no links in it. It opens
// nothing else and waits for nobody, whatever somebody puts in its place.
func ReadPath(path string) (File, error) {
	f, err := regular.OpenHere(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	return Read(f), nil
}
