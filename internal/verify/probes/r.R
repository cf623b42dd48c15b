probe <- function(name, attempt) {
  result <- tryCatch(suppressWarnings(isTRUE(attempt())), error = function(e) FALSE)
  cat("probe", name, if (result) "open" else "held", "\n")
}
contains <- function(pattern, text) any(vapply(Sys.glob(pattern), function(path) tryCatch(suppressWarnings({
  bytes <- readBin(path, "raw", 100000)
  bytes[bytes == 0] <- as.raw(32)
  grepl(text, rawToChar(bytes), fixed = TRUE, useBytes = TRUE)
}), error = function(e) FALSE), logical(1)))
status <- function(key) sub(".*\t", "", grep(paste0("^", key, ":"), readLines("/proc/self/status"), value = TRUE))
probe("read", function() length(readLines(%SECRET%)) > 0)
probe("write", function() { cat("x", file = %TARGET%); file.exists(%TARGET%) })
probe("keys", function() file.exists(%KEYS%))
probe("processes", function() contains("/proc/[0-9]*/cmdline", %DECOY%))
probe("environment", function() contains("/proc/[0-9]*/environ", %TOKEN%))
probe("network", function() { s <- socketConnection("127.0.0.1", as.integer(%PORT%), open = "r+", timeout = 3); close(s); TRUE })
probe("privileges", function() !grepl("^0+$", status("CapEff")) || !grepl("^0+$", status("CapBnd")) || status("NoNewPrivs") != "1")
