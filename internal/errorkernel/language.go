package errorkernel

import (
	"encoding/json"
	"strings"

	"isolate-namespace/internal/regular"
)

// maxNotebook is the size in bytes above which a notebook isn't looked at.
const maxNotebook = 64 << 20

// NotebookLanguage returns the language_info that the notebook has, or nil. Front
// ends write the language_info of a kernel into the notebook, which so stays as it
// is.
func NotebookLanguage(path string) map[string]any {
	text, err := regular.Read(path, maxNotebook)
	if err != nil {
		return nil
	}
	var notebook struct {
		Metadata struct {
			Language map[string]any `json:"language_info"`
		}
	}
	if json.Unmarshal(text, &notebook) != nil {
		return nil
	}
	if name, ok := notebook.Metadata.Language["name"].(string); !ok || name == "" {
		return nil
	}
	return notebook.Metadata.Language
}

// Language returns the language_info of a language's kernels. The name is that of
// a kernel.json; if it is empty, the language is plain text.
func Language(language string) map[string]any {
	name := strings.ToLower(language)
	if name == "" {
		name = "text"
	}
	info := map[string]any{"name": name, "version": "", "mimetype": "text/x-" + name, "file_extension": ".txt"}
	switch name {
	case "python":
		info["file_extension"] = ".py"
		info["pygments_lexer"] = "ipython3"
		info["codemirror_mode"] = map[string]any{"name": "ipython", "version": 3}
		info["nbconvert_exporter"] = "python"
	case "r":
		info["name"], info["mimetype"], info["file_extension"] = "R", "text/x-r-source", ".r"
	case "julia":
		info["file_extension"] = ".jl"
	}
	return info
}
