add_executable(random_programs ${CMAKE_CURRENT_SOURCE_DIR}/random/random_programs.c ${CMAKE_CURRENT_SOURCE_DIR}/random/problem.c
    ${CMAKE_CURRENT_SOURCE_DIR}/random/oracle.c)
target_link_libraries(random_programs PRIVATE fcm_planner m)
target_compile_options(random_programs PRIVATE ${FCM_WARNINGS})
add_test(NAME random.interpreted COMMAND random_programs 1000 1)
set_tests_properties(random.interpreted PROPERTIES TIMEOUT 600)
