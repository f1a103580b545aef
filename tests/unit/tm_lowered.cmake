fcm_unit_test(test_tm_lowered USES fcm_planner)
