"""The demuxers that may look at a file: those that read nothing but the file itself.

Left out on purpose: hls, dash, concat, imf, sdp, rtsp, image sequences and their like, which open other addresses named inside the
file; `tty` and raw audio and video, which take any bytes for media.
"""

_MOVIES = """
    mov mp4 m4a 3gp 3g2 mj2 matroska webm avi mpegts mpegtsraw mpeg mpegvideo mxf mxf_opatom gxf lxf asf asf_o wtv flv live_flv kux
    nut nuv ivf obu av1 h264 hevc vvc h263 h261 m4v dnxhd dirac vc1 vc1test mjpeg mjpeg_2000 dv swf rm r3d mv vivo ea thp bink smk
    roq film_cpk wc3movie yuv4mpegpipe ffm flic nsv psxstr 4xm ty pmp
"""
_SOUND = """
    wav w64 aiff au caf mp3 aac ac3 eac3 ac4 dts dtshd mlp truehd flac ogg ape mpc mpc8 tta tak wv amr amrnb amrwb oma qcp voc
    dsf iff shn sbc gsm adx aea apc codec2 spdif
"""
_SUBTITLES = "srt ass webvtt subviewer subviewer1 microdvd mpl2 mpsub jacosub sami realtext scc stl pjs sup lrc"
_PICTURES = "apng gif png_pipe jpeg_pipe webp_pipe tiff_pipe bmp_pipe psd_pipe exr_pipe dpx_pipe j2k_pipe jpegxl_pipe"

FORMAT_WHITELIST = ",".join(f"{_MOVIES} {_SOUND} {_SUBTITLES} {_PICTURES}".split())
