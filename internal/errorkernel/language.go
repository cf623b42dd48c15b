package errorkernel

import (
	"encoding/json"
	"os"
	"strings"

	"isolate-namespace/kernelspec"
)

// maxNotebook is the size in bytes above which a notebook isn't looked at.
const maxNotebook = 64 << 20

// LanguageInfo is the language_info of a kernel, which front ends write into
// the notebook: as the notebook has it already, so that it stays as it is,
// otherwise as the kernel's kernel.json names the language.
func LanguageInfo(notebook, kernelName string) map[string]any {
	if info := ofNotebook(notebook); info != nil {
		return info
	}
	language := "text"
	if jupyter, err := kernelspec.FindJupyter(); err == nil {
		if base, err := jupyter.Find(kernelName); err == nil {
			if name := base.Spec.Language(); name != "" {
				language = name
			}
		}
	}
	return ofLanguage(language)
}

// ofNotebook is what a notebook says of its language, or nil.
func ofNotebook(path string) map[string]any {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxNotebook {
		return nil
	}
	text, err := os.ReadFile(path)
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

// ofLanguage is what the kernels of common languages say of themselves.
func ofLanguage(language string) map[string]any {
	name := strings.ToLower(language)
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
