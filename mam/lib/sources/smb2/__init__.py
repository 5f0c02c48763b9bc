"""SMB2/SMB3 on an authenticated socket: our own small client, made for scanning and ranged reading.

pysmb and smbprotocol log in (`smb_pysmb`, `smb_smbprotocol`) and hand their socket and keys over; from then on this package
speaks. That is what makes compound requests, pipelining and reads on an open handle possible with both of them (FACTS, SMB 2, 7, 10),
and keeps their faults (FACTS, SMB 1, 4) out. References are to MS-SMB2 and MS-FSCC.
"""
