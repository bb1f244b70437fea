: todo
