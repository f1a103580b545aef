add_executable(emit_tool ${CMAKE_CURRENT_SOURCE_DIR}/e2e/emit_tool.c)
target_link_libraries(emit_tool PRIVATE fcm_backends fcm_tm fcm_base m)
target_compile_options(emit_tool PRIVATE ${FCM_WARNINGS})
add_executable(emit_random ${CMAKE_CURRENT_SOURCE_DIR}/e2e/emit_random.c ${CMAKE_CURRENT_SOURCE_DIR}/random/problem.c
    ${CMAKE_CURRENT_SOURCE_DIR}/random/oracle.c)
target_include_directories(emit_random PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/random)
target_link_libraries(emit_random PRIVATE fcm_backends fcm_planner m)
target_compile_options(emit_random PRIVATE ${FCM_WARNINGS})

add_test(NAME golden.emit COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/emit_texts.sh $<TARGET_FILE:emit_tool> ${CMAKE_SOURCE_DIR})
add_test(NAME e2e.emit_random COMMAND emit_random 24 100 ${CMAKE_CURRENT_BINARY_DIR}/emit_random.d ${CMAKE_SOURCE_DIR})
set_tests_properties(golden.emit e2e.emit_random PROPERTIES TIMEOUT 600)
