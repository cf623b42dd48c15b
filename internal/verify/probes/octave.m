1; # a script, which begins with a function otherwise

function probe(name, attempt)
  try
    result = attempt();
  catch
    result = false;
  end
  if result
    printf("probe %s open\n", name);
  else
    printf("probe %s held\n", name);
  end
end

function found = contains(pattern, text)
  found = false;
  for path = glob(pattern)'
    f = fopen(path{1}, "r");
    if f >= 0
      found = found || any(strfind(fread(f, [1, 1000000], "*char"), text));
      fclose(f);
    end
  end
end

function done = put(path)
  f = fopen(path, "w");
  done = f >= 0;
  if done
    fputs(f, "x");
    fclose(f);
  end
end

function value = status(key)
  value = regexp(fileread("/proc/self/status"), [key ":\\s*(\\S+)"], "tokens"){1}{1};
end

probe("read", @() ! isempty(fileread(%SECRET%)));
probe("write", @() put(%TARGET%));
probe("keys", @() exist(%KEYS%, "file") != 0);
probe("processes", @() contains("/proc/[0-9]*/cmdline", %DECOY%));
probe("environment", @() contains("/proc/[0-9]*/environ", %TOKEN%));
# Octave itself has no sockets.
probe("network", @() system(["bash -c 'exec 3<>/dev/tcp/127.0.0.1/" %PORT% "' 2>/dev/null"]) == 0);
probe("privileges", @() any(status("CapEff") != "0") || any(status("CapBnd") != "0") || ! strcmp(status("NoNewPrivs"), "1"));
