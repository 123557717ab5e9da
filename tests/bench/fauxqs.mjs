// Starts fauxqs on the loopback address: `node fauxqs.mjs MODULE PORT [DATA_DIR]`. With a folder it keeps its messages there.
// Its own listen call names all interfaces, so every listen call of the process is led back to 127.0.0.1.
import net from "node:net";

const [, , module, port, dataDir] = process.argv;
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === "object" && "port" in first) {
    return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
  }
  const callback = rest.filter((argument) => typeof argument === "function");
  return listen.call(this, { port: Number(first), host: "127.0.0.1" }, ...callback);
};
const { startFauxqs } = await import(module);
await startFauxqs({ port: Number(port), logger: false, ...(dataDir ? { dataDir } : {}) });
