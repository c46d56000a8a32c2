"""The demo: the whole of Pillarbox on this machine, with a virtual mailbox that receives letters."""
