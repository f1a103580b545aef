add_executable(graph_tool ${CMAKE_CURRENT_SOURCE_DIR}/golden/graph_tool.c)
target_link_libraries(graph_tool PRIVATE fcm_graph)
target_compile_options(graph_tool PRIVATE ${FCM_WARNINGS})
add_test(NAME golden.graph COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/golden/run_graph.sh $<TARGET_FILE:graph_tool>
    ${CMAKE_CURRENT_SOURCE_DIR}/golden/graph)
set_tests_properties(golden.graph PROPERTIES LABELS golden TIMEOUT 120)
