# fcm_library(NAME file.c … [USES other …]): one static library per folder. Its headers are visible to those that
# name it in USES, and to nobody else (tests/includes.sh checks the directions).
set(FCM_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)
if(FCM_WERROR)
    list(APPEND FCM_WARNINGS -Werror)
endif()
if(FCM_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()
add_compile_definitions(_POSIX_C_SOURCE=200809L)

function(fcm_library name)
    cmake_parse_arguments(LIB "" "" "USES" ${ARGN})
    add_library(${name} STATIC ${LIB_UNPARSED_ARGUMENTS})
    target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_options(${name} PRIVATE ${FCM_WARNINGS})
    if(LIB_USES)
        target_link_libraries(${name} PUBLIC ${LIB_USES})
    endif()
endfunction()

# fcm_embed(TARGET file …): each file becomes a byte array (C11 promises only 4095 characters in a string literal).
# In C: extern const unsigned char fcm_embedded_<name_h>[], terminated by 0; fcm_embedded_<name_h>_size without it.
function(fcm_embed target)
    foreach(file ${ARGN})
        get_filename_component(path ${file} ABSOLUTE)
        get_filename_component(base ${file} NAME)
        string(MAKE_C_IDENTIFIER ${base} id)
        set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded_${id}.c)
        add_custom_command(OUTPUT ${out}
            COMMAND ${CMAKE_COMMAND} -DIN=${path} -DOUT=${out} -DID=${id} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS ${path} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
        target_sources(${target} PRIVATE ${out})
    endforeach()
endfunction()
