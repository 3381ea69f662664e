import builtins,os,sys
with open(3,'rb') as f:d=f.read()
n=int.from_bytes(d[:8],'big')
p=[d[8+n:]]
c=compile(d[8:8+n],'<driver>','exec')
sys.path[:]=[x for x in sys.path if x]
del d,f,n
exec(c,{'__name__':'<driver>','__builtins__':dict(vars(builtins)),'PAYLOAD':p})
