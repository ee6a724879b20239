"""Writes quiz.jsonl, pairs.csv and golden.json: what torch, transformers and scipy
make of the tiny models, by the definitions of the protocols and nothing of roux."""
import json,random,math,torch,sys
import numpy as np
from transformers import AutoModelForCausalLM, AutoTokenizer
random.seed(5)
D=__import__("os").path.dirname(__import__("os").path.abspath(__file__))+"/../"
lines=[l.strip() for l in open(D+"data/sums.held.txt") if l.strip()]
lists=[l.strip() for l in open(D+"data/lists.held.txt") if l.strip()]
rows=[]
for l in lines[100:130]:
    q,a=l.split("="); a=int(a)
    ch=[a]
    while len(ch)<3:
        c=a+random.choice([-10,-2,-1,1,2,10,30])
        if c not in ch and c>=0: ch.append(c)
    random.shuffle(ch)
    rows.append({"question":q+"=","choices":[str(c) for c in ch],"answer":str(a)})
for l in lists[50:60]:
    q,a=l.split(" : ")
    parts=a.split()
    ch=[a," ".join(parts[::-1]) if parts[::-1]!=parts else a+" a"," ".join(parts[:-1])]
    if len(set(ch))<3: continue
    random.shuffle(ch)
    rows.append({"question":q+" :  ","choices":ch,"answer":a})
with open(D+"data/quiz.jsonl","w") as f:
    for r in rows: f.write(json.dumps(r)+"\n")
torch.set_num_threads(1); torch.set_grad_enabled(False)
tok=AutoTokenizer.from_pretrained(D+"models/base")
M={n:AutoModelForCausalLM.from_pretrained(D+"models/"+n,dtype=torch.float32,attn_implementation="eager") for n in ("base","sums","lists")}
def enc(s): return tok(s,add_special_tokens=True)["input_ids"]
def ll(m,ctx,cont):
    n=len(ctx)-len(ctx.rstrip())
    if n: cont=ctx[-n:]+cont; ctx=ctx[:-n]
    w=enc(ctx+cont); c=enc(ctx); k=len(c)
    inp=torch.tensor([w[:-1]]); lg=m(inp).logits[0].double().log_softmax(-1)
    t=w[k:]
    return sum(lg[k-1+i,x].item() for i,x in enumerate(t))
out={"choice":{}}
for n,m in M.items():
    acc=[];accn=[];br=[]
    for r in rows:
        s=np.array([ll(m,r["question"],c) for c in r["choices"]])
        g=r["choices"].index(r["answer"])
        acc.append(float(np.argmax(s)==g)); accn.append(float(np.argmax(s/np.array([len(c) for c in r["choices"]]))==g))
        p=np.exp(s-s.max());p/=p.sum();p[g]-=1;br.append(float((p*p).sum()))
    f=lambda v:(float(np.mean(v)),float(np.std(v,ddof=1)/math.sqrt(len(v))))
    out["choice"][n]={"acc":f(acc)[0],"acc_stderr":f(acc)[1],"acc_norm":f(accn)[0],"acc_norm_stderr":f(accn)[1],"brier":f(br)[0]}
# generate
out["generate"]={}
for n,m in M.items():
    ok=0
    for r in rows[:30]:
        ids=enc(r["question"]); L=len(ids)
        g=m.generate(torch.tensor([ids]),max_new_tokens=6,do_sample=False,pad_token_id=2)[0][L:].tolist()
        t=tok.decode(g,skip_special_tokens=True).split("\n")[0].strip()
        ok+=t==r["answer"]
    out["generate"][n]=ok/30
# KL, llama.cpp chunks of 64 of sums text, first 12
ids=tok(open(D+"data/sums.held.txt").read(),add_special_tokens=True)["input_ids"]
bos=0
assert ids[0]==bos # so llama.cpp's chunks all begin with it
bare=ids[1:]
def chunk(c,n): return [bos]+ids[c*n+1:(c+1)*n]
def logp(m,w): return m(torch.tensor([w])).logits[0].double().log_softmax(-1)
out["kl"]={}
for n in ("sums","lists"):
    kl=[];same=[];dp=[];na=[];nb=[]
    for c in range(12):
        w=chunk(c,64)
        a=logp(M["base"],w);b=logp(M[n],w)
        for i in range(32,63):
            pa=a[i].exp(); mask=a[i]>-16
            kl.append((pa*(a[i]-b[i]))[mask].sum().item()); same.append(float(a[i].argmax()==b[i].argmax()))
            t=w[i+1]; dp.append((b[i,t].exp()-a[i,t].exp()).item()); na.append(-a[i,t].item()); nb.append(-b[i,t].item())
    kl=np.array(kl);dp=np.array(dp);na=np.array(na);nb=np.array(nb);N=len(kl)
    se=lambda v: math.sqrt(((v*v).mean()-v.mean()**2)/(len(v)-1))
    va,vb=[((v*v).mean()-v.mean()**2)/(N-1) for v in (na,nb)]; cov=((na*nb).mean()-na.mean()*nb.mean())/(N-1)
    out["kl"][n]={"positions":N,"kl":kl.mean(),"kl_stderr":se(kl),"kl_max":kl.max(),"kl_median":np.quantile(kl,.5),"kl_p90":np.quantile(kl,.9),"kl_p99":np.quantile(kl,.99),
      "same_top":np.mean(same),"dp_mean":dp.mean(),"dp_rms":math.sqrt((dp*dp).mean()),"perplexity":math.exp(nb.mean()),"reference_perplexity":math.exp(na.mean()),"ln_ratio":(nb-na).mean(),"ln_ratio_stderr":math.sqrt(va+vb-2*cov)}
    k=out["kl"][n]; q={"max":1,"p999":.999,"p99":.99,"p95":.95,"p90":.9,"median":.5,"p10":.1,"p05":.05,"p01":.01,"p001":.001,"min":0}
    k|={"kl_"+x:np.quantile(kl,y) for x,y in q.items()}|{"dp_"+x:np.quantile(dp,y) for x,y in (q|{"p75":.75,"p25":.25}).items()}
    A,B=k["perplexity"],k["reference_perplexity"]
    k|={"dp_mean_stderr":se(dp),"dp_rms_stderr":.5/k["dp_rms"]*se(dp*dp),"perplexity_stderr":A*math.sqrt(vb),"reference_perplexity_stderr":B*math.sqrt(va),"nll_correlation":cov/math.sqrt(va*vb),
        "same_top_stderr":math.sqrt(k["same_top"]*(1-k["same_top"])/(N-1)),"ratio":A/B,"ratio_stderr":A/B*k["ln_ratio_stderr"],"difference":A-B,"difference_stderr":math.sqrt(A*A*vb+B*B*va-2*A*B*cov)}
# perplexity protocols on base, sums text cut to what samples say: whole text
SHORT=open(D+"data/short.txt").read()
ids=tok(SHORT,add_special_tokens=True)["input_ids"]; bare=ids[1:]
def nll(w,frm): 
    l=logp(M["base"],w); return [-l[i-1,w[i]].item() for i in range(frm,len(w))]
N=len(ids)
def ppl(v): return math.exp(sum(v)/len(v))
C,S=200,77
v=[];prev=0
for beg in range(0,N,S):
    end=min(beg+C,N); trg=end-prev
    v+=nll(ids[beg:end],max(len(ids[beg:end])-trg,1)); prev=end
    if end==N: break
P={"hf-stride":(ppl(v),len(v))}
v=[];
for c in range(N//128): v+=nll(chunk(c,128),65)
P["llama.cpp"]=(ppl(v),len(v))
L=192; n=N//L; P["gptq"]=(math.exp(sum(np.mean(nll(ids[c*L:(c+1)*L],1))*L for c in range(n))/(n*L)),n*(L-1))
# lm-eval rolling with max_len 100
ml=100;v=[];done=0;ids=bare;N=len(ids)
first=min(ml,N)
w=[bos]+ids[:first]; v+=nll(w,1); done=first
full=[bos]+ids
while done<N:
    k=min(N-done,ml); e=done+k
    a=ids[e-ml-1:e-1]; b=ids[e-k:e]
    a=a[:len(a)-(len(b)-1)]
    v+=nll(a+b,len(a)); done+=k
P["rolling"]=(ppl(v),len(v)); bpb=sum(v)/math.log(2)/len(SHORT)
out["perplexity"]={k:{"perplexity":a,"tokens":b} for k,(a,b) in P.items()}; out["perplexity"]["rolling"]["bits_per_byte"]=bpb
# combine begin windows 64 x 8
bare=tok(open(D+"data/sums.held.txt").read(),add_special_tokens=False)["input_ids"]
C=64;K=8
rows_=[[bos]+bare[i*C:(i+1)*C] for i in range(K)]
mix=[];geo=[];ent=[]
for w in rows_:
    a=logp(M["sums"],w);b=logp(M["lists"],w)
    for i in range(1,len(w)):
        t=w[i];x,y=a[i-1],b[i-1]
        mix.append(-math.log(.75*x[t].exp().item()+.25*y[t].exp().item()))
        z=(.75*x+.25*y).log_softmax(-1); geo.append(-z[t].item())
        hx=-(x.exp()*x).sum().item(); hy=-(y.exp()*y).sum().item()
        wx=.75*math.exp(-hx);wy=.25*math.exp(-hy)
        ent.append(-math.log((wx*x[t].exp().item()+wy*y[t].exp().item())/(wx+wy)))
out["combine"]={"probabilities":ppl(mix),"logits":ppl(geo),"entropy":ppl(ent)}
# entropy by window: means over the scored tokens
byw=[]
for w in rows_:
    a=logp(M["sums"],w)[:-1];b=logp(M["lists"],w)[:-1]
    hx=-(a.exp()*a).sum(-1).mean().item(); hy=-(b.exp()*b).sum(-1).mean().item()
    wx=.75*math.exp(-hx);wy=.25*math.exp(-hy)
    for i in range(1,len(w)): byw.append(-math.log((wx*a[i-1,w[i]].exp().item()+wy*b[i-1,w[i]].exp().item())/(wx+wy)))
out["combine"]["window"]=ppl(byw)
# fitted to the first 8 windows of the prose
from scipy.optimize import minimize_scalar
prose=tok(open(D+"data/prose.held.txt").read(),add_special_tokens=False)["input_ids"]
def true_p(n,ws): return np.array([math.exp(v) for w in ws for l in [logp(M[n],w)] for v in [l[i-1,w[i]].item() for i in range(1,len(w))]])
fit=[[bos]+prose[i*C:(i+1)*C] for i in range(K)]
ps,pl=true_p("sums",fit),true_p("lists",fit)
lam=minimize_scalar(lambda u:-np.log(u*ps+(1-u)*pl).mean(),bounds=(0,1),method="bounded",options={"xatol":1e-10}).x
qs,ql=true_p("sums",rows_),true_p("lists",rows_)
out["combine"]["fitted"]=ppl(list(-np.log(lam*qs+(1-lam)*ql)))
out["share"]=lam
# dynamic fusion: lists is the large model, sums the expert and base the small one; and with both as experts of base
def dynamic(large,experts,small):
    v=[]
    for w in rows_[:2]:
        L=logp(M[large],w);S=logp(M[small],w);E=[logp(M[e],w) for e in experts]
        kl=lambda p,q:(p.exp()*(p-q)).sum().item()
        for i in range(1,len(w)):
            l=L[i-1];s=S[i-1];d=[e[i-1]-s for e in E];to=[kl(e[i-1],s) for e in E];fr=[kl(s,e[i-1]) for e in E]
            def miss(a):
                p=(l+sum(x*y for x,y in zip(a,d))).log_softmax(-1)
                f,b=kl(p,l),kl(l,p)
                return sum((f-x)**2+(b-y)**2 for x,y in zip(to,fr))
            a=[0.]*len(E)
            for _ in range(10):
                was=list(a)
                for t in range(len(E)): a[t]=min((x/10 for x in range(21)),key=lambda x:miss(a[:t]+[x]+a[t+1:]))
                if a==was: break
            v.append(-(l+sum(x*y for x,y in zip(a,d))).log_softmax(-1)[w[i]].item())
    return ppl(v)
out["combine"]["dynamic"]=dynamic("lists",["sums"],"base")
out["combine"]["experts"]=dynamic("base",["sums","lists"],"base")
# hidden: windows as above. influence from hooks: outputs of each layer (before final norm)
def states(m,w):
    st=[];hs=[]
    hs.append(m.model.layers[0].register_forward_pre_hook(lambda mod,a,k: st.append((a[0] if a else k["hidden_states"])[0].clone()),with_kwargs=True))
    for l in m.model.layers: hs.append(l.register_forward_hook(lambda mod,i,o: st.append((o[0] if isinstance(o,tuple) else o).reshape(-1,o[0].shape[-1] if isinstance(o,tuple) else o.shape[-1]).clone())))
    m(torch.tensor([w])); [h.remove() for h in hs]; return st
cos=torch.nn.functional.cosine_similarity
inf=[[] for _ in range(4)];sim=[[] for _ in range(4)]
for w in rows_:
    a=states(M["base"],w);b=states(M["sums"],w)
    for l in range(4):
        inf[l]+=(1-cos(b[l].double(),b[l+1].double(),dim=-1)).tolist(); sim[l]+=cos(a[l+1].double(),b[l+1].double(),dim=-1).tolist()
out["hidden"]={f"influence_{l}":float(np.mean(inf[l])) for l in range(4)}|{f"similarity_{l}":float(np.mean(sim[l])) for l in range(4)}
# embed: pairs: question vs choices[0], score = index
from scipy import stats
c_=[];sc=[]
def vec(t): 
    o=M["base"].model(torch.tensor([enc(t)])).last_hidden_state[0].double(); return o.mean(0)
for i,r in enumerate(rows):
    c_.append(cos(vec(r["question"]),vec(r["answer"]),dim=0).item()); sc.append(len(r["question"]))
out["embed"]={"cosine":float(np.mean(c_)),"pearson":float(stats.pearsonr(c_,sc)[0]),"spearman":float(stats.spearmanr(c_,sc)[0])}
with open(D+"data/pairs.csv","w") as f:
    f.write("question,answer,length\n")
    for r,s in zip(rows,sc): f.write(f"{r['question']},{r['answer']},{s}\n")
json.dump(out,open(D+"data/golden.json","w"),indent=1)
