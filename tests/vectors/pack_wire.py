# SPDX-License-Identifier: Apache-2.0
# pack_wire.py > wire.rsp: packs one of every message after docs/spec/wire.md, with nothing of the node.
import hashlib
def u(n,w): return n.to_bytes(w,'big')
def fill(b,n): return bytes([b])*n
def tag(label,m): 
    l=label.encode(); return hashlib.sha384(bytes([len(l)])+l+m).digest()
out=[]
def case(id,message,enc,**k):
    s=f"id = {id}\nmessage = {message}\nencoding = {enc.hex()}\n"
    for a,b in k.items(): s+=f"{a} = {b.hex()}\n"
    out.append(s)
# bundle
bundle=b'AGKB'+u(1,2)+u(16584,8)+fill(1,48)+u(2,8)+u(3,8)+fill(4,48)+u(1,1)+u(0x42,2)+fill(5,1568)+fill(6,2592)+fill(7,64)+b'\x02'+fill(8,32)
bd=tag('aegis/v1/bundle',bundle)
info=b'aegis/v1/envelope\0'+u(1,2)+u(16584,8)+u(2,8)+bd
case('bundle','bundle',bundle,digest=bd,hpke_info=info)
head=u(1,2)+u(16584,8)+u(2,8)+u(1,1)+fill(3,20)+bytes(12)+u(4,8)+u(5,8)+u(6,8)+u(7,8)+u(1,1)+u(8,2)+u(1,1)+fill(9,32)+u(8,1)+b'transfer'+u(2,1)+fill(10,32)+fill(11,32)+fill(12,32)
case('head','head',head,digest=tag('aegis/v1/head',head)[:32])
padded=head+bytes(256-len(head))
case('head-padded','padded head',padded)
body=u(1,2)+fill(1,32)+u(1,1)+u(3,4)+b'\x02\x03\x04'+u(0,1)+u(0,2)
body+=bytes(512-len(body))
case('body','body',body,digest=tag('aegis/v1/body',body)[:32])
whole=b'AGEV'+u(1,2)+u(0x42,2)+u(2,2)+u(2,2)+u(16584,8)+u(2,8)+u(0,1)+u(0,1)+fill(1,1568)+fill(2,272)+fill(3,528)
eid=tag('aegis/v1/envelope',whole)[:32]
stamp=0
while hashlib.sha256(b'aegis/v1/stamp'+eid+u(stamp,8)).digest()[0]!=0 or stamp==0: stamp+=1
case('envelope','envelope',whole+u(stamp,8),digest=eid)
group=b'AGAG'+u(1,2)+u(16584,8)+u(2,8)+bd+u(3,8)+fill(4,48)+u(5,8)+u(6,8)+u(1,4)
leaf=u(6,8)+eid+u(7,8)
root=hashlib.sha256(b'\0'+leaf).digest()
group+=root
case('group','admission group',group,digest=tag('aegis/v1/admission-group',group))
case('admission-receipt','admission receipt',b'AGAR'+u(1,2)+group+leaf+u(0,8)+u(1,8)+u(0,1)+fill(8,4627))
outc=u(1,2)+u(6,8)+eid+fill(1,32)+u(1,1)+u(0,4)+u(0,4)+fill(2,32)
excl=u(1,2)+u(6,8)+eid+fill(1,32)+u(2,1)+u(0x0706,4)+u(0xffffffff,4)+bytes(32)
case('outcome-included','outcome',outc); case('outcome-excluded','outcome',excl)
hdr=b'AGBH'+u(1,2)+u(16584,8)+u(1,8)+fill(3,48)+u(4,8)+u(2,8)+bd+u(4,1)+u(6,8)+u(1,4)+u(3,8)+fill(5,48)+u(1,4)+fill(6,32)+hashlib.sha256(b'\0'+outc).digest()+fill(7,32)+fill(8,32)+b''.join(u(i*100,2) for i in range(12))+u(1200,2)+bytes(48)
hd=tag('aegis/v1/batch-header',hdr)
case('batch-header','batch header',hdr,digest=hd)
case('outcome-receipt','outcome receipt',b'AGOR'+u(1,2)+outc+u(0,8)+u(1,8)+u(0,1)+hdr+fill(1,4627)+fill(2,29792))
ev=b'AGEE'+u(1,2)+u(7,1)+u(3,4)+b'\x01\x02\x03'
case('evidence','evidence',ev)
case('collateral','collateral',b'AGCO'+u(1,2)+u(1,4)+b'a'+u(0,4)+u(1,4)+b'c'+u(0,4)*3+u(1,4)+b'g'+u(9,8))
entries=outc+u(len(head),2)+head+u(3,4)+b'\x02\x03\x04'
case('batch-file','batch file',b'AGBF'+u(1,2)+hdr+fill(1,4627)+fill(2,29792)+u(len(bundle),4)+bundle+u(len(ev),4)+ev+u(0,4)+u(0,4)+u(9,8)+u(1,4)+entries)
env=whole+u(stamp,8)
case('spool-group','spool group',b'AGSG'+u(1,2)+group+fill(1,4627)+u(7,8)+u(len(env),4)+env)
case('meta','meta',b'AGME'+u(1,2)+u(1,2)+u(16584,8)+fill(1,48)+u(2,8)+fill(3,48)+u(9,8)+u(4,8)+fill(5,48)+u(8,8)+u(6,8)+u(7,8))
case('outbox-entry','outbox entry',b'AGOB'+u(1,2)+u(1,8)+hd+u(2,8)+u(3,4))
case('batch-index','batch index',b'AGBI'+u(1,2)+hdr+u(5,8))
case('receipt-index','receipt index',b'AGRI'+u(1,2)+u(6,8)+u(3,8)+u(0,4)+u(1,8)+u(2,4))
print("# SPDX-License-Identifier: Apache-2.0")
print("# One of every message of docs/spec/wire.md, packed by pack_wire.py, which shares nothing with the node.")
print("# digest: what the specification calls the message's digest or id. Signatures and keys are filler.\n")
print('\n'.join(out),end='')
