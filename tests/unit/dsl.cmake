fcm_unit_test(test_dsl USES fcm_dsl)
