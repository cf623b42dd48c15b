import Sockets
function probe(name, attempt)
    result = try attempt() catch; false end
    println("probe ", name, result ? " open" : " held")
end
function contains_any(file, text)
    any(readdir("/proc")) do pid
        all(isdigit, pid) || return false
        try
            occursin(text, String(read("/proc/$pid/$file")))
        catch
            false
        end
    end
end
status(key) = match(Regex("^$key:\\s*(\\S+)", "m"), read("/proc/self/status", String))[1]
probe("read", () -> !isempty(read(%SECRET%, String)))
probe("write", () -> (write(%TARGET%, "x"); true))
probe("keys", () -> ispath(%KEYS%))
probe("processes", () -> contains_any("cmdline", %DECOY%))
probe("environment", () -> contains_any("environ", %TOKEN%))
probe("network", () -> (close(Sockets.connect(Sockets.localhost, parse(Int, %PORT%))); true))
probe("privileges", () -> any(!=('0'), status("CapEff")) || any(!=('0'), status("CapBnd")) || status("NoNewPrivs") != "1")
