# The page of `fcmc plan --html`.
if(TARGET fcmc)
    add_test(NAME e2e.report COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/report.sh $<TARGET_FILE:fcmc>)
    set_tests_properties(e2e.report PROPERTIES LABELS e2e TIMEOUT 300)
endif()
