package errorkernel

import "isolate-namespace/internal/protocol"

// reply returns the answer to a request: a cell fails, questions about the session
// get the answers of an empty one, and other requests are refused.
func (k *kernel) reply(r request) map[string]any {
	position := r.Content["cursor_pos"]
	switch r.Header.Type {
	case "execute_request":
		return k.execute(r)
	case "kernel_info_request":
		return ok(map[string]any{
			"protocol_version": protocol.Version, "implementation": "isolate", "implementation_version": "",
			"language_info": k.language(), "banner": k.why.plain(), "help_links": []any{}, "debugger": false,
		})
	case "shutdown_request":
		return ok(map[string]any{"restart": r.Content["restart"] == true})
	case "interrupt_request":
		return ok(nil)
	case "comm_info_request":
		return ok(map[string]any{"comms": map[string]any{}})
	case "history_request":
		return ok(map[string]any{"history": []any{}})
	case "complete_request":
		return ok(map[string]any{"matches": []any{}, "cursor_start": position, "cursor_end": position, "metadata": map[string]any{}})
	case "inspect_request":
		return ok(map[string]any{"found": false, "data": map[string]any{}, "metadata": map[string]any{}})
	case "is_complete_request":
		return map[string]any{"status": "complete"} // so that Enter shows the error
	}

	return k.why.content()
}

func ok(content map[string]any) map[string]any {
	if content == nil {
		content = map[string]any{}
	}
	content["status"] = "ok"
	return content
}

// execute fails a cell, in the reply and in its output.
func (k *kernel) execute(r request) map[string]any {
	if r.Content["silent"] != true {
		k.count++
		k.publish(k.session, "execute_input", r.Header, map[string]any{"code": r.Content["code"], "execution_count": k.count})
		k.publish(k.session, "error", r.Header, k.why.output())
	}
	reply := k.why.content()
	reply["execution_count"] = k.count
	return reply
}
