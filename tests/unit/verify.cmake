if(TARGET fcm_planner AND TARGET fcm_backends)
    fcm_unit_test(test_verify USES fcm_verify fcm_planner fcm_backends)
endif()
