if(TARGET fcmc)
    add_test(NAME regress.cpu_model COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/regress/cpu_model.sh $<TARGET_FILE:fcmc>)
    set_tests_properties(regress.cpu_model PROPERTIES LABELS regress TIMEOUT 300)
endif()
