# Writes OUT: const char fcm_embedded_ID[] = the bytes of IN and a terminating 0; const unsigned long fcm_embedded_ID_size.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* made from ${ID} */\nextern const unsigned char fcm_embedded_${ID}[];\nextern const unsigned long fcm_embedded_${ID}_size;\nconst unsigned char fcm_embedded_${ID}[] = {\n${bytes}0};\nconst unsigned long fcm_embedded_${ID}_size = ${size};\n")
