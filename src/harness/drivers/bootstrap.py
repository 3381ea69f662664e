import builtins,os,sys
f=open(3,'rb',0)
def r(n):
    b=bytearray(n);i=0
    while i<n:
        k=f.readinto(memoryview(b)[i:])
        if not k:raise EOFError
        i+=k
    return b
n=int.from_bytes(r(8),'big')
c=compile(bytes(r(n)),'<driver>','exec')
p=[r(32),f.readall()]
f.close()
sys.path[:]=[x for x in sys.path if x]
del f,n,r
exec(c,{'__name__':'<driver>','__builtins__':dict(vars(builtins)),'PAYLOAD':p})
