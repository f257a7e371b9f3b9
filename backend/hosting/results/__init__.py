"""What services of the hosting return: values for each noun, apart from the services."""
