async function tryAll() {
  const load = (name) => typeof require === "function" ? require(name) : import("node:" + name);
  const fs = await load("fs"), net = await load("net"), processes = await load("child_process");
  const probe = async (name, attempt) => {
    let result = false;
    try { result = await attempt(); } catch { }
    console.log("probe " + name + (result ? " open" : " held"));
  };
  const contains = (file, text) => fs.readdirSync("/proc").some((pid) => {
    try { return fs.readFileSync("/proc/" + pid + "/" + file, "utf8").includes(text); } catch { return false; }
  });
  const status = (key) => processes.execFileSync("cat", ["/proc/self/status"], { encoding: "utf8" }).split("\n").find((line) => line.startsWith(key + ":")).split("\t")[1];
  await probe("read", () => fs.readFileSync(%SECRET%, "utf8").length > 0);
  await probe("write", () => { fs.writeFileSync(%TARGET%, "x"); return true; });
  await probe("keys", () => fs.existsSync(%KEYS%));
  await probe("processes", () => contains("cmdline", %DECOY%));
  await probe("environment", () => contains("environ", %TOKEN%));
  await probe("network", () => new Promise((done) => {
    const s = net.connect(Number(%PORT%), "127.0.0.1", () => { s.destroy(); done(true); });
    s.on("error", () => done(false));
  }));
  await probe("privileges", () => Number("0x" + status("CapEff")) != 0 || Number("0x" + status("CapBnd")) != 0 || status("NoNewPrivs") != "1");
}
await tryAll();
