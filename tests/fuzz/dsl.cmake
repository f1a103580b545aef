add_executable(fuzz_dsl ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_dsl.c)
target_link_libraries(fuzz_dsl PRIVATE fcm_dsl)
target_include_directories(fuzz_dsl PRIVATE ${CMAKE_SOURCE_DIR}/dsl)
target_compile_options(fuzz_dsl PRIVATE ${FCM_WARNINGS})
file(GLOB dsl_seeds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/golden/dsl/*.fcm)
add_test(NAME fuzz.dsl COMMAND fuzz_dsl 1 3 ${CMAKE_SOURCE_DIR}/dsl/std.fcm ${dsl_seeds})
set_tests_properties(fuzz.dsl PROPERTIES LABELS fuzz TIMEOUT 60)

# With clang: cmake -DFCM_LIBFUZZER=ON, then   fuzz_dsl_libfuzzer corpus/
option(FCM_LIBFUZZER "build libFuzzer targets (clang)" OFF)
if(FCM_LIBFUZZER)
    add_executable(fuzz_dsl_libfuzzer ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_dsl.c)
    target_compile_definitions(fuzz_dsl_libfuzzer PRIVATE FCM_LIBFUZZER)
    target_compile_options(fuzz_dsl_libfuzzer PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_dsl_libfuzzer PRIVATE -fsanitize=fuzzer)
    target_compile_options(fcm_dsl PRIVATE -fsanitize=fuzzer-no-link)   # coverage guides it
    target_link_libraries(fuzz_dsl_libfuzzer PRIVATE fcm_dsl)
endif()
