import { openDevice, train, batches } from "../mod.ts"; import { loadMnist } from "../examples/data/mnist.ts";
const m = await loadMnist(); const device = await openDevice();
const t = await train("examples/mnist/mlp.mpt", device, { seed: 1 });
const dump = async (tag:string) => { for (const [k,v] of await t.weights()) { const f=new Float32Array(v.data.slice().buffer); let s=0,a=0; f.forEach((x,i)=>{s+=x*Math.sin(i);a+=Math.abs(x)}); console.log(tag,k,[...f.slice(0,4)].map(x=>x.toPrecision(8)).join(" "),s.toPrecision(9),a.toPrecision(9)); } };
await dump("init");
let k=0; for (const b of batches({image:m.train.images,label:m.train.labels},m.train.count,{batchSize:128,seed:1})) { const r=await t.step(b); console.log(k,JSON.stringify(r)); if(k<2) await dump("step"+k); if(++k>=4) break; }
device.close();
{
 const d2 = await openDevice(); const t2 = await train("examples/mnist/mlp.mpt", d2, { seed: 1 });
 const w = new Map([...await t2.weights()].map(([k,v])=>[k,new Float32Array(v.data.slice().buffer)]));
 for (const b of batches({image:m.train.images,label:m.train.labels},m.train.count,{batchSize:128,seed:1})) {
  const im=b.image as Uint8Array, la=b.label as Int32Array; let L=0;
  for(let n=0;n<128;n++){ const h=[];for(let j=0;j<64;j++){let s=w.get("fc1.bias")![j];for(let k=0;k<784;k++)s+=im[n*784+k]/255*w.get("fc1.weight")![j*784+k];h.push(Math.max(0,s));}
   const z=[];for(let j=0;j<10;j++){let s=w.get("fc2.bias")![j];for(let k=0;k<64;k++)s+=h[k]*w.get("fc2.weight")![j*64+k];z.push(s);}
   const mx=Math.max(...z);L+=mx+Math.log(z.reduce((a,x)=>a+Math.exp(x-mx),0))-z[la[n]]; }
  console.log("f64 loss",L/128); break; }
}
