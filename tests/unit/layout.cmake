add_test(NAME tree.includes COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/includes.sh)
